// Package proc supervises the lab's processes: it starts them with a log file
// each, notices when one ends, and stops them in the reverse order.
package proc
