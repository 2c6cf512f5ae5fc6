package tuner

// Reverts remembers which of the last changes had to be taken back.
type Reverts struct {
	Last        uint8   // one bit a change, the newest lowest: 1 was taken back
	HoldSeconds float64 // left in which nothing is raised
}

const (
	revertsKept    = 5
	revertsAllowed = 2
	// holdAfterReverts is how long the value is left alone when three of the last five changes were taken back: what the model
	// believes of this load is wrong, and trying on would only make the answers swing.
	holdAfterReverts = 1800
)

// changed notes a change that nothing is held against yet.
func (r Reverts) changed() Reverts {
	r.Last = r.Last << 1 & (1<<revertsKept - 1)
	return r
}

// takenBack marks the newest change. The third of five starts the hold, and clears the list for the time after it.
func (r Reverts) takenBack() Reverts {
	if r.Last |= 1; r.count() > revertsAllowed {
		r = Reverts{HoldSeconds: holdAfterReverts}
	}
	return r
}

func (r Reverts) count() (n int) {
	for i := range revertsKept {
		n += int(r.Last >> i & 1)
	}
	return n
}

func (r Reverts) later(seconds float64) Reverts {
	r.HoldSeconds = max(r.HoldSeconds-seconds, 0)
	return r
}
