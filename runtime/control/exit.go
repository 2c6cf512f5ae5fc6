package control

// Exit codes of the runtime that mean something to its operator, which shows them as a reason in status. Every other failure
// ends with 1.
const (
	// ExitModelNotFound: the model's source does not have it, or does not show it with the credentials that were given.
	ExitModelNotFound = 10
	// ExitModelUnavailable: the model could not be fetched: its source does not answer, its files are not what was announced,
	// the disk is full.
	ExitModelUnavailable = 11
	// ExitModelTooLarge: the model does not fit the memory of the device.
	ExitModelTooLarge = 12
)
