package server

import (
	"strings"
	"testing"
)

func TestAModelWhoseFilesDoNotBelongTogetherIsFoundOut(t *testing.T) {
	m := newWorld(t).model
	if err := m.Check(); err != nil {
		t.Errorf("the fake model: %v", err)
	}
	m.ImageToken++
	if err := m.Check(); err == nil || !strings.Contains(err.Error(), "make 0 picture tokens") {
		t.Errorf("another image token: %v", err)
	}
}
