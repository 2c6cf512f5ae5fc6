package v1alpha1

// ModelSpec names the model's files (exactly one source) and the limits of a request.
//
// +kubebuilder:validation:XValidation:rule="[has(self.huggingFace),has(self.image),has(self.pvc),has(self.s3)].filter(x,x).size() == 1",message="model needs exactly one of huggingFace, image, pvc and s3"
// +kubebuilder:validation:XValidation:rule="!has(self.cache) || has(self.huggingFace) || has(self.s3)",message="model.cache is for models that are fetched: huggingFace and s3"
type ModelSpec struct {
	// A repository of the Hugging Face Hub. Each pod fetches it when it starts, see cache.
	// +optional
	HuggingFace *HuggingFaceSource `json:"huggingFace,omitempty"`
	// An OCI image whose files are the model.
	// +optional
	Image *ImageSource `json:"image,omitempty"`
	// A claim that holds the model.
	// +optional
	PVC *PVCSource `json:"pvc,omitempty"`
	// Objects of an S3-compatible store. Each pod fetches them when it starts, see cache.
	// +optional
	S3 *S3Source `json:"s3,omitempty"`
	// Where pods keep what they fetch (huggingFace, s3). Left out, each pod has an emptyDir of its own, which a restarted container
	// finds again and a new pod does not.
	// +optional
	Cache *ModelCache `json:"cache,omitempty"`
	// Name of the model in the OpenAI API; the object's name when left out.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([A-Za-z0-9._/:-]*[A-Za-z0-9])?$`
	ServedName string `json:"servedName,omitempty"`
	// Longest prompt and answer together, in tokens; the model's own limit when left out.
	// +optional
	// +kubebuilder:validation:Minimum=256
	// +kubebuilder:validation:Maximum=1048576
	MaxModelLen *int32 `json:"maxModelLen,omitempty"`
	// Most pictures in one request.
	// +optional
	// +kubebuilder:default=16
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	MaxImagesPerRequest int32 `json:"maxImagesPerRequest,omitempty"`
	// Largest width x height of one picture; the runtime's limit when left out.
	// +optional
	// +kubebuilder:validation:Minimum=4096
	// +kubebuilder:validation:Maximum=1073741824
	MaxImagePixels *int32 `json:"maxImagePixels,omitempty"`
}

// HuggingFaceSource is a repository of the Hugging Face hub, pinned to a commit.
type HuggingFaceSource struct {
	// owner/name, such as llava-hf/llava-onevision-qwen2-7b-ov-hf.
	// +kubebuilder:validation:MaxLength=192
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`
	Repo string `json:"repo"`
	// The commit: 40 hexadecimal digits, since a branch moves.
	// +kubebuilder:validation:Pattern=`^[a-f0-9]{40}$`
	// +kubebuilder:validation:MaxLength=40
	Revision string `json:"revision"`
	// A mirror, such as http://10.96.0.20:8080; https://huggingface.co when left out.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^https?://[^\s?#]+$`
	Endpoint string `json:"endpoint,omitempty"`
	// The access token for repositories that are not public.
	// +optional
	TokenSecretRef *SecretKeyReference `json:"tokenSecretRef,omitempty"`
}

// SecretKeyReference is one key of a Secret in the object's namespace. Pods use it; the operator reads no Secret.
type SecretKeyReference struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// ImageSource is an OCI image whose root (or subPath) is the model folder; it is mounted as an image volume.
type ImageSource struct {
	// By digest (name@sha256:...). A tag is accepted with a warning event, since pods may then differ.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^\S+$`
	Reference string `json:"reference"`
	// The model's folder in it; the root when left out.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.split('/').exists(p, p == '..')",message="subPath must be relative and must not contain '..'"
	SubPath string `json:"subPath,omitempty"`
}

// PVCSource is a folder of a PersistentVolumeClaim in the object's namespace, mounted read-only.
type PVCSource struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClaimName string `json:"claimName"`
	// The model's folder in it; the root when left out.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.split('/').exists(p, p == '..')",message="subPath must be relative and must not contain '..'"
	SubPath string `json:"subPath,omitempty"`
}

// ModelCache is a claim that holds fetched models.
type ModelCache struct {
	// A PersistentVolumeClaim in the object's namespace. With ReadWriteMany the pods of all nodes share it, and a model is fetched
	// once: the others wait for it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClaimName string `json:"claimName"`
}

// S3Source is a prefix of an S3 bucket: the model's files are the objects directly under it.
type S3Source struct {
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9][a-z0-9.-]*[a-z0-9]$`
	Bucket string `json:"bucket"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.split('/').exists(p, p == '..')",message="prefix must be relative and must not contain '..'"
	Prefix string `json:"prefix"`
	// Address of an S3-compatible store, such as http://10.96.0.30:9000, which is asked with the bucket in the path; AWS when left out.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^https?://[^\s?#]+$`
	Endpoint string `json:"endpoint,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9-]+$`
	Region string `json:"region,omitempty"`
	// A Secret in the object's namespace with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN where there
	// is one. Pods use it; the operator reads no Secret. Left out, pods use the identity of runtime.serviceAccountName where the
	// platform gives it one, else none.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	CredentialsSecretName string `json:"credentialsSecretName,omitempty"`
}
