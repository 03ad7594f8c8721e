package store

// Stepwise returns o with every background step made small, so that a few
// dozen records take the ways that otherwise take tens of thousands.
func (o Options) Stepwise() Options {
	o.tune = tuning{freezeAt: 7, minSlice: 2, maxSlice: 3, idleSlice: 3, sweepRows: 2, maxHot: 3, maxOwners: 2}
	return o
}

// AddMigrations adds schema versions until restore is called.
func AddMigrations(later ...string) (restore func()) {
	old := migrations
	migrations = append(old[:len(old):len(old)], later...)
	return func() { migrations = old }
}

// OnlyMigrations leaves out the schema versions above n until restore is called.
func OnlyMigrations(n int) (restore func()) {
	old := migrations
	migrations = old[:n:n]
	return func() { migrations = old }
}
