package postgres

// Connect is what a Store is made on.
var Connect = connect
