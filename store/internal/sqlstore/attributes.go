package sqlstore

import (
	"context"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
)

// admit marks the attributes whose value would be one too many as refused, and keeps the new ones. It is a transaction of its
// own, before the one that needs the answer: values are few and never go, and others need not wait for a flush.
func (s *Store) admit(ctx context.Context, attributes []scoring.Attribute) ([]scoring.Attribute, error) {
	all := slices.Clone(attributes)
	for i, a := range all {
		if _, known := s.values.Load(a); known || a.Refused {
			continue
		}
		admitted, err := s.admitValue(ctx, a)
		switch {
		case err != nil:
			return nil, err
		case admitted:
			s.values.Store(a, true)
		default:
			all[i].Value, all[i].Refused = "", true
		}
	}
	return all, nil
}

func (s *Store) admitValue(ctx context.Context, a scoring.Attribute) (admitted bool, err error) {
	const find = `SELECT 1 FROM attribute_values WHERE key = $1 AND value = $2`
	if _, admitted, err = one(ctx, s.read, scanID, find, a.Key, a.Value); err != nil || admitted {
		return admitted, err
	}
	return write(ctx, s, "keep an attribute's value", func(ctx context.Context, t txn) (bool, error) {
		var l locks
		l.attribute(a.Key)
		if err := t.hold(ctx, l); err != nil {
			return false, err
		}
		n, _, err := one(ctx, t.tx, scanID, `SELECT COUNT(*) FROM attribute_values WHERE key = $1 AND value <> $2`, a.Key, a.Value)
		if err != nil {
			return false, err
		}
		if n < scoring.MaxAttributeValues {
			return true, t.exec(ctx, `INSERT INTO attribute_values (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, a.Key, a.Value)
		}
		_, known, err := one(ctx, t.tx, scanID, find, a.Key, a.Value)
		return known, err
	})
}

// attribute locks the values of an attribute.
func (l *locks) attribute(key string) { *l = append(*l, int64(lockKey(hash("attribute", key)))) }
