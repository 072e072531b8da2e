package table_test

import (
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal/table"
)

func TestCallbackState(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{"": "none", "https://pos.example.in/cb": "pending", "nonsense": "pending"} {
		if got := table.CallbackState.Text(&decide.Callback{EventID: "e1", URL: url}); got != want {
			t.Errorf("a callback to %q begins as %s, want %s", url, got, want)
		}
	}
}
