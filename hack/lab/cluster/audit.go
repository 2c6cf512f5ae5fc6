package cluster

const (
	// AuditLog is the file in the state folder to which the API server writes with -audit, a JSON object a line.
	AuditLog = "audit.log"

	auditPolicy = "audit-policy.yaml"
)

// auditText asks for the requests of service accounts, without bodies. The
// controllers of Kubernetes itself have theirs in kube-system and are left out.
const auditText = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, userGroups: ["system:serviceaccounts:kube-system"]}
- {level: Metadata, userGroups: ["system:serviceaccounts"]}
- {level: None}
`
