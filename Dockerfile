# All of Verdict in one program: the worker that keeps the store, and the command line. docs/deploying.md has the settings.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/ ./cmd/verdict
RUN mkdir /data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/ /usr/local/bin/
# A volume that is mounted here belongs to the user that the image runs as, 65532.
COPY --from=build --chown=nonroot:nonroot /data /data
ENV VERDICT_HTTP=0.0.0.0:8080 VERDICT_DB=/data/verdict.db VERDICT_LOG_FORMAT=json
EXPOSE 8080
USER nonroot
ENTRYPOINT ["/usr/local/bin/verdict"]
CMD ["worker"]
