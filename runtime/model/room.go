package model

// Pictures are encoded in the memory that a prompt's units work in: one is done when the other begins, on a device too, which
// takes all work in its order. LLaVA-OneVision-7B's unit of 8192 rows is 1.1 GB, which is enough for its 37 tiles at once.

// hostTiles is how many tiles go through the tower at once on a host, which is as fast with a few tiles as with many. A device
// that works beside the host takes all that there is room for: on an H100 37 tiles take 60.6 ms in one pass and 74 ms in ten.
const hostTiles = 4

// placeVision puts the activations of vision and of a prompt's units over each other. Towers that are not LLaVA's have their own.
func (m *LLaVA) placeVision(shared *arena) {
	m.decoder.unit.arena = shared
	if m.sight != nil {
		return
	}
	for _, w := range []*workspace{&m.cutter.space, &m.tower.space, &m.projector.inner, &m.projector.whole} {
		w.arena = shared
	}
	if m.packer != nil {
		m.packer.space.arena = shared
	}
}

// layVisionOut makes room for a request of some tiles, and says in how many passes they go through the tower.
func (m *LLaVA) layVisionOut(tiles int) (passes int, err error) {
	passes = 1
	if !m.ops.Asynchronous() {
		passes = (tiles + hostTiles - 1) / hostTiles
	}
	room := m.decoder.unit.arena
	end := m.visionEnd(tiles, passes)
	for end > room.memory.Cols && (tiles+passes-1)/passes > hostTiles {
		passes++
		end = m.visionEnd(tiles, passes)
	}
	return passes, room.reserve(end)
}

// visionEnd lays the activations out, and gives the first value behind them.
func (m *LLaVA) visionEnd(tiles, passes int) int {
	at := m.cutter.space.end(tiles * m.tower.patches())
	if m.packer != nil {
		m.packer.space.at = at
		at = m.packer.space.end(1 + tiles*m.config.VisualTokens)
	}
	rows := (tiles + passes - 1) / passes * m.tower.rows()
	m.tower.space.at = at
	m.projector.inner.at = m.tower.space.end(rows)
	at = m.projector.inner.end(rows)
	if m.projector.dropCLS {
		m.projector.whole.at = at
		at = m.projector.whole.end(rows)
	}
	return at
}

// reserveVision makes room for the largest picture. More pictures than that in one prompt need more; the room then grows, and stays.
func (m *LLaVA) reserveVision() error {
	if m.sight != nil {
		return m.sight.reserve()
	}
	_, err := m.layVisionOut(max(m.tower.largestPicture(m.config.Tower.Grids), hostTiles))
	return err
}
