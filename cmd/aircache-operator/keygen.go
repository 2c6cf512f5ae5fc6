package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"aircache.dev/aircache/controllers/directive"
)

// Names of the keys in a Secret and in a folder.
const (
	currentPEM = "current.pem"
	nextPEM    = "next.pem"
)

// maxSecret is the API server's own limit for one object, more or less.
const maxSecret = 2 << 20

const keygenHelp = `aircache-operator keygen makes the Ed25519 keys that sign directives.

  aircache-operator keygen | kubectl create -f -
      prints a Secret with the key that signs (current.pem) and the next one (next.pem)
  kubectl -n aircache-system get secret aircache-operator-directive-keys -o yaml | aircache-operator keygen --rotate | kubectl replace -f -
      makes the next key the current one and makes another next one; restart the operator afterwards
  aircache-operator keygen --dir FOLDER
      writes both files, for an operator that runs outside of a cluster

`

// keygen is the subcommand.
func keygen(args []string, in io.Reader, out, usage io.Writer) error {
	f := flag.NewFlagSet("aircache-operator keygen", flag.ContinueOnError)
	f.SetOutput(usage)
	f.Usage = func() {
		fmt.Fprint(usage, keygenHelp)
		f.PrintDefaults()
	}
	namespace := f.String("namespace", "aircache-system", "namespace of the Secret, the operator's")
	name := f.String("name", "aircache-operator-directive-keys", "name of the Secret")
	rotate := f.Bool("rotate", false, "read the Secret from standard input, and write it with the next key as the current one")
	dir := f.String("dir", "", "write key files into this folder instead of a Secret to standard output; never overwrites")
	if err := f.Parse(args); err != nil {
		return err
	}
	switch {
	case f.NArg() > 0:
		return fmt.Errorf("reading flags: %q is not a flag", f.Arg(0))
	case *rotate && *dir != "":
		return errors.New("reading flags: --rotate works on a Secret; without one move next.pem to current.pem and make a new next.pem")
	case *rotate:
		return rotateSecret(in, out)
	}
	made, err := twoKeys()
	if err != nil {
		return err
	}
	if *dir != "" {
		return writeFiles(*dir, made)
	}
	return writeSecret(out, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: *namespace, Name: *name}, Data: made})
}

func twoKeys() (map[string][]byte, error) {
	keys := map[string][]byte{}
	for _, name := range []string{currentPEM, nextPEM} {
		key, err := directive.GenerateKey()
		if err != nil {
			return nil, err
		}
		keys[name] = key
	}
	return keys, nil
}

// rotateSecret keeps the rest of the Secret, its resourceVersion among it: two who rotate at once are told apart by kubectl replace.
func rotateSecret(in io.Reader, out io.Writer) error {
	content, err := io.ReadAll(io.LimitReader(in, maxSecret))
	if err != nil {
		return fmt.Errorf("reading the Secret: %w", err)
	}
	secret := &corev1.Secret{}
	if err := yaml.Unmarshal(content, secret); err != nil {
		return fmt.Errorf("reading the Secret: %w", err)
	}
	if secret.Kind != "Secret" {
		return fmt.Errorf("reading the Secret: standard input holds kind %q", secret.Kind)
	}
	next, ok := secret.Data[nextPEM]
	if !ok {
		return fmt.Errorf("rotating: Secret %s has no %s, so pods know no other key yet", secret.Name, nextPEM)
	}
	if _, err := directive.DecodePrivateKey(next); err != nil {
		return fmt.Errorf("rotating: %s of Secret %s cannot sign: %w", nextPEM, secret.Name, err)
	}
	made, err := directive.GenerateKey()
	if err != nil {
		return err
	}
	secret.Data[currentPEM], secret.Data[nextPEM] = next, made
	secret.ManagedFields = nil
	return writeSecret(out, secret)
}

func writeSecret(out io.Writer, secret *corev1.Secret) error {
	secret.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
	secret.Type = corev1.SecretTypeOpaque
	text, err := yaml.Marshal(secret)
	if err != nil {
		return fmt.Errorf("writing the Secret: %w", err)
	}
	_, err = out.Write(text)
	return err
}

func writeFiles(dir string, keys map[string][]byte) error {
	for _, name := range []string{currentPEM, nextPEM} {
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("writing the keys: %w", err)
		}
		_, err = file.Write(keys[name])
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("writing the keys: %w", err)
		}
	}
	return nil
}
