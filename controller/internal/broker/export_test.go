package broker

// Leftovers tells what mochi still holds of terminals: clients and subscriptions.
func (b *Broker) Leftovers() (clients int, subscriptions int64) {
	return b.server.Clients.Len() - 1, b.server.Info.Clone().Subscriptions // the inline client stays
}
