// Command hello answers HTTP requests with what a pod of the smoke test sees:
// the content of its image volume and its GPUs.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer, err := os.ReadFile("/model/answer")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%sgpu=%s\nuid=%d\n", answer, os.Getenv("NVIDIA_VISIBLE_DEVICES"), os.Getuid())
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
