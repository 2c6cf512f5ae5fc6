package backend

import "fmt"

// Mixer is a Backend whose Mix takes heads of some shapes only. Models ask before they load their weights.
type Mixer interface {
	// Mixes says why it does not take a shape.
	Mixes(h Heads) error
}

// Mixes says why the device does not take a shape; one that says nothing takes all.
func (c *Checked) Mixes(h Heads) error {
	if to, ok := c.to.(Mixer); ok {
		if err := to.Mixes(h); err != nil {
			return fmt.Errorf("the vision tower's %d heads of %d values: %w", h.Query, h.Dim, err)
		}
	}
	return nil
}
