package postgres

// NetworkLeaserSQL is the statement by which controllers take turns, and
// LeaseNetworkSQL the one that leases, for its plan.
const (
	NetworkLeaserSQL = networkLeaser
	LeaseNetworkSQL  = leaseNetwork
)
