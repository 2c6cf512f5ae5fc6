package oci

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
)

func TestParseLdd(t *testing.T) {
	tests := []struct {
		name, output string
		libraries    map[string]string
		loader       string
		fails        bool
	}{
		{
			name: "libraries, the loader, and no vdso",
			output: "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f01)\n" +
				"\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f02)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f03)\n",
			libraries: map[string]string{"libm.so.6": "/lib/x86_64-linux-gnu/libm.so.6", "libc.so.6": "/lib/x86_64-linux-gnu/libc.so.6"},
			loader:    "/lib64/ld-linux-x86-64.so.2",
		},
		{
			name:      "a loader that is a link",
			output:    "\t/lib64/ld-linux-x86-64.so.2 => /usr/lib64/ld-linux-x86-64.so.2 (0x00007f03)\n",
			libraries: map[string]string{},
			loader:    "/lib64/ld-linux-x86-64.so.2",
		},
		{name: "a library that is not installed", output: "\tlibx.so.1 => not found\n", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseLdd(test.output)
			if (err != nil) != test.fails {
				t.Fatalf("got error %v, want one: %v", err, test.fails)
			}
			if !test.fails && (!maps.Equal(got.libraries, test.libraries) || got.loader != test.loader) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestParseCacheWantsTheWholeSoname(t *testing.T) {
	output := "2 libs found in cache\n\tlibz.so.10 (libc6,x86-64) => /lib/libz.so.10\n\tlibz.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libz.so.1\n"
	if got, err := parseCache(output, "libz.so.1"); err != nil || got != "/lib/x86_64-linux-gnu/libz.so.1" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := parseCache(output, "libz.so"); err == nil {
		t.Error("a soname that only begins like one in the cache must not match")
	}
}

// A dynamically linked program must run with nothing but what the image holds.
func TestBinaryBringsItsLibrariesAndLoader(t *testing.T) {
	program := "/bin/ls"
	if output, err := exec.Command("ldd", program).CombinedOutput(); err != nil {
		t.Skipf("%s is not dynamically linked here: %v %s", program, err, output)
	}
	_, content := build(t, Spec{Name: "registry.local/ls:v1", Entrypoint: []string{"/ls"}, Binaries: []Copy{{program, "/ls"}}})
	files, headers, _ := read(t, layerOf(t, content))
	libraries := slices.DeleteFunc(slices.Collect(maps.Keys(files)), func(name string) bool {
		return len(name) <= len(libraryFolder) || "/"+name[:len(libraryFolder)] != libraryFolder+"/"
	})
	libc := files["usr/lib/bundled/libc.so.6"]
	if len(libraries) == 0 || len(libc) == 0 {
		t.Fatalf("no C library among %v", libraries)
	}
	found, err := parseLdd(lddOf(t, program))
	if err != nil {
		t.Fatal(err)
	}
	loader, err := os.ReadFile(found.loader)
	if err != nil {
		t.Fatal(err)
	}
	if got := headers[found.loader[1:]]; got == nil || got.Mode != 0o755 || got.Size != int64(len(loader)) {
		t.Errorf("the loader %s is missing, partial or cannot be executed", found.loader)
	}
}

func lddOf(t *testing.T, program string) string {
	t.Helper()
	output, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(output)
}

// What the image brings is found before what its node puts into a folder that was named.
func TestFoldersOfLibrariesComeBehindTheBundledOnes(t *testing.T) {
	for want, s := range map[string]Spec{
		"LD_LIBRARY_PATH=/usr/lib/bundled":                 {Libraries: []string{"libc.so.6"}},
		"LD_LIBRARY_PATH=/usr/lib/bundled:/usr/local/cuda": {Libraries: []string{"libc.so.6"}, Env: []string{"LD_LIBRARY_PATH=/usr/local/cuda"}},
		"LD_LIBRARY_PATH=/opt":                             {Env: []string{"LD_LIBRARY_PATH=/opt"}},
	} {
		if got := environment(s); len(got) != 1 || got[0] != want {
			t.Errorf("%+v gives %q, want %q", s, got, want)
		}
	}
}
