// Command tryout shows the runtime without a cluster and without root: it serves
// the shipped model as a child process, asks about the shipped pictures with the
// full KV cache and with a tenth of it, and prints the answers beside the truth.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/hack/serving"
)

const (
	modelName     = "aircache-tiny"
	floorPermille = 10
)

// options are the flags.
type options struct {
	aircache, model, samples string
	questions                int
	timeout                  time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.aircache, "aircache", "bin/aircache", "the runtime's program")
	flag.StringVar(&o.model, "model", "models/aircache-tiny", "folder of the model")
	flag.StringVar(&o.samples, "samples", "models/aircache-tiny-samples", "pictures with questions and answers")
	flag.IntVar(&o.questions, "questions", 6, "how many questions to ask, each of another task where there are as many")
	flag.DurationVar(&o.timeout, "timeout", 3*time.Minute, "time for everything")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "try: failed: "+err.Error())
		os.Exit(1)
	}
	fmt.Println("try: ok")
}

func run(ctx context.Context, o options) error {
	all, err := ask.Load(o.samples)
	if err != nil {
		return err
	}
	if o.questions < 1 {
		return fmt.Errorf("-questions is %d, it must be at least 1", o.questions)
	}
	questions := choose(all, o.questions)
	start := time.Now()
	fmt.Printf("serving %s\n", o.model)
	child, err := serving.Start(ctx, o.aircache, "--model", o.model, "--served-name", modelName, "--retention-floor-permille", fmt.Sprint(floorPermille))
	if err != nil {
		return err
	}
	defer child.Kill()
	fmt.Printf("ready after %.1f s\n", time.Since(start).Seconds())

	asker := ask.Client{HTTP: http.DefaultClient, URL: child.API, Model: modelName}
	rounds, err := askAll(ctx, child, asker, questions)
	if err != nil {
		return child.Explain(err)
	}
	report(os.Stdout, questions, rounds)
	if err := child.Stop(ctx); err != nil {
		return err
	}
	return judge(questions, rounds)
}
