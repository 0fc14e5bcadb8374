package pullrequest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"go.temporal.io/sdk/temporal"
)

// Activities talk to GitHub.
type Activities struct {
	API   string // such as https://api.github.com
	Token string
}

// Open opens a pull request and returns its number.
func (a *Activities) Open(ctx context.Context, c Change) (int, error) {
	body, err := json.Marshal(map[string]string{"title": c.Title, "head": c.Branch, "base": c.Base})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.API+"/repos/"+c.Repository+"/pulls", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+a.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusUnprocessableEntity: // the branch is unknown, or has a pull request
		return 0, temporal.NewNonRetryableApplicationError("GitHub refuses the pull request", "Refused", nil)
	case res.StatusCode != http.StatusCreated:
		return 0, fmt.Errorf("open a pull request: GitHub answered %s", res.Status)
	}
	var opened struct{ Number int }
	err = json.NewDecoder(res.Body).Decode(&opened)
	return opened.Number, err
}
