package broker

// Leftovers tells what is still held of terminals: sessions and subscriptions.
func (b *Broker) Leftovers() (sessions int, subscriptions int64) {
	return len(b.table.identities()), b.server.Info.Clone().Subscriptions
}
