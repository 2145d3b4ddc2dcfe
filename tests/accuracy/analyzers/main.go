// Runs the analyzers of istioctl over the objects of a cluster, without a cluster.
//
// Each line of standard input is a request, each line of standard output its answer. The objects are those of the API server,
// runtime objects (Pods, Services, Deployments, Secrets, Namespaces) included, as `istioctl analyze --all-namespaces` reads them.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/log"
)

type request struct {
	ID        string `json:"id"`
	Root      string `json:"root"` // the namespace of istiod
	Mesh      string `json:"mesh"` // the mesh configuration, as YAML
	Manifests string `json:"manifests"`
}

type message struct {
	Code      string `json:"code"`
	Level     string `json:"level"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Text      string `json:"text"`
}

type answer struct {
	ID       string    `json:"id"`
	Error    string    `json:"error,omitempty"`
	Unread   string    `json:"unread,omitempty"` // objects that the library could not parse
	Messages []message `json:"messages"`
}

func analyze(r request) (a answer) {
	a = answer{ID: r.ID, Messages: []message{}}
	defer func() {
		if problem := recover(); problem != nil {
			a.Error = fmt.Sprint("the analyzers ended: ", problem)
		}
	}()
	sa := local.NewIstiodAnalyzer(analyzers.AllCombined(), "", resource.Namespace(r.Root), nil)
	if r.Mesh != "" {
		file, problem := os.CreateTemp("", "mesh-*.yaml")
		if problem != nil {
			a.Error = problem.Error()
			return a
		}
		defer os.Remove(file.Name())
		_, _ = file.WriteString(r.Mesh)
		_ = file.Close()
		if problem := sa.AddFileKubeMeshConfig(file.Name()); problem != nil {
			a.Error = problem.Error()
			return a
		}
	}
	readers := []local.ReaderSource{{Name: "cluster", Reader: strings.NewReader(r.Manifests)}}
	// The function has "Test" in its name because only it keeps runtime objects of a reader.
	if problem := sa.AddTestReaderKubeSource(readers); problem != nil {
		a.Unread = problem.Error()
	}
	cancel := make(chan struct{})
	defer close(cancel)
	result, problem := sa.Analyze(cancel)
	if problem != nil {
		a.Error = problem.Error()
		return a
	}
	for _, m := range result.Messages {
		found := message{Code: m.Type.Code(), Level: m.Type.Level().String(), Text: fmt.Sprintf(m.Type.Template(), m.Parameters...)}
		if m.Resource != nil {
			name := m.Resource.Metadata.FullName
			found.Kind = m.Resource.Metadata.Schema.Kind()
			found.Namespace, found.Name = name.Namespace.String(), name.Name.String()
		}
		a.Messages = append(a.Messages, found)
	}
	return a
}

func main() {
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			var r request
			a := answer{Messages: []message{}}
			if problem := json.Unmarshal(line, &r); problem != nil {
				a.Error = problem.Error()
			} else {
				a = analyze(r)
			}
			_ = out.Encode(a)
		}
		if err != nil {
			return
		}
	}
}
