package session

import "time"

// wallSlack is how far the wall clock and the time that passes may part between
// two looks, seconds apart, before that is a jump. A clock that is corrected
// slowly stays far below.
const wallSlack = time.Second

// wallWatch notices that the device's wall clock has jumped: somebody has set it,
// or the device has slept, while no duration went on. Both are a doubt about all
// that was measured meanwhile, and the state is asked for (failure matrix T18).
type wallWatch struct {
	wall  time.Time // at the last look
	begun time.Time // when that was, with a monotonic reading
}

func watchWall(wall time.Time) wallWatch { return wallWatch{wall: wall, begun: time.Now()} }

// jumped is by how much the wall clock has jumped since the last look; 0: not.
func (w *wallWatch) jumped(wall time.Time) time.Duration {
	by := wall.Sub(w.wall) - time.Since(w.begun)
	*w = watchWall(wall)
	if by.Abs() <= wallSlack {
		return 0
	}
	return by
}
