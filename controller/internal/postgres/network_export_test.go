package postgres

// LeaseNetworkSQL is the statement that leases, for its plan.
const LeaseNetworkSQL = leaseNetwork
