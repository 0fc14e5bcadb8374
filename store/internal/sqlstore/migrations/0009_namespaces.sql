-- A store may be shared by several namespaces.

-- change held: in which namespace a run may declare the key
-- NULL: in any.
ALTER TABLE held ADD COLUMN namespace TEXT;
