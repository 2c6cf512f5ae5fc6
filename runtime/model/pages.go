package model

import "fmt"

// ReadPages brings whole pages of the cache to the host. It waits for the device.
func (m *LLaVA) ReadPages(dst []byte, pages []int32) error {
	m.ops.ReadPages(dst, pages)
	if err := m.ops.Sync(); err != nil {
		return fmt.Errorf("reading %d pages: %w", len(pages), err)
	}
	return nil
}

// WritePages brings them back, to these pages or to others.
func (m *LLaVA) WritePages(pages []int32, src []byte) error {
	m.ops.WritePages(pages, src)
	if err := m.ops.Refused(); err != nil {
		return fmt.Errorf("writing %d pages: %w", len(pages), err)
	}
	return nil
}
