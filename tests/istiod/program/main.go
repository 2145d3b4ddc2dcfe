// What istiod configures proxies with: istiod's own code over the objects of one mesh.
//
// One JSON request a line on standard input, one JSON answer a line on standard output:
//
//	{"id": "…", "root": "aks-istio-system",
//	 "revisions": {"asm-1-30": ["YAML of a mesh key", …]},
//	 "objects": [manifest, …],
//	 "proxies": [{"name", "type", "revision", "namespace", "pod", "ip", "labels", "version", "account", "metadata"}]}
//
// answer:
//
//	{"id", "invalid": [{"kind", "namespace", "name", "message"}], "warned": […], "unread": […],
//	 "proxies": {name: {"listeners", "routes", "clusters", "endpoints", "secrets", "names"}}, "error", "seconds"}
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"sort"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/pkg/model"
	v3 "istio.io/istio/pilot/pkg/xds/v3"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/gatewayapi"
	"istio.io/istio/pkg/config/schema/gvr"
	dnsServer "istio.io/istio/pkg/dns/server"
	kubelib "istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient/clienttest"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/spiffe"
	"istio.io/istio/pkg/test"
	"istio.io/istio/pkg/util/sets"
)

type proxyWanted struct {
	Name      string            `json:"name"`
	Type      string            `json:"type"`
	Revision  string            `json:"revision"`
	Namespace string            `json:"namespace"`
	Pod       string            `json:"pod"`
	IP        string            `json:"ip"`
	Labels    map[string]string `json:"labels"`
	Version   string            `json:"version"`
	Account   string            `json:"account"`
	Metadata  map[string]any    `json:"metadata"`
}

type request struct {
	ID        string              `json:"id"`
	Root      string              `json:"root"`
	Revisions map[string][]string `json:"revisions"`
	Objects   []json.RawMessage   `json:"objects"`
	Proxies   []proxyWanted       `json:"proxies"`
}

type proxyConfig struct {
	Listeners []json.RawMessage   `json:"listeners"`
	Routes    []json.RawMessage   `json:"routes"`
	Clusters  []json.RawMessage   `json:"clusters"`
	Endpoints []json.RawMessage   `json:"endpoints"`
	Secrets   map[string][]string `json:"secrets"`
	Names     map[string][]string `json:"names"`
}

type remark struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Message   string `json:"message"`
}

type answer struct {
	ID      string                 `json:"id"`
	Invalid []remark               `json:"invalid"`
	Warned  []remark               `json:"warned"`
	Unread  []string               `json:"unread"`
	Proxies map[string]proxyConfig `json:"proxies"`
	Error   string                 `json:"error,omitempty"`
	Seconds float64                `json:"seconds"`
}

type manifest struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   metav1.ObjectMeta `json:"metadata"`
}

// Kinds of the Gateway API that the fake server does not install by itself.
var moreKinds = []schema.GroupVersionResource{gvr.ListenerSet, gvr.BackendTLSPolicy}

func raw[T proto.Message](messages []T) []json.RawMessage {
	out := make([]json.RawMessage, 0, len(messages))
	for _, each := range messages {
		js, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(each)
		if err != nil {
			js, _ = json.Marshal(map[string]string{"error": err.Error()})
		}
		out = append(out, js)
	}
	return out
}

// sorted holds the objects of a request as istiod's parts take them.
type sorted struct {
	kube    []runtime.Object
	istio   []config.Config
	invalid []remark
	warned  []remark
	unread  []string
}

func group(apiVersion string) string {
	before, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return before
}

// discovered answers whether a namespace is selected by the mesh's discovery selectors.
func discovered(m *meshconfig.MeshConfig, namespaces map[string]map[string]string) func(string) bool {
	var selectors []labels.Selector
	for _, each := range m.GetDiscoverySelectors() {
		js, err := protojson.Marshal(each)
		if err != nil {
			continue
		}
		var selector metav1.LabelSelector
		if json.Unmarshal(js, &selector) != nil {
			continue
		}
		if s, err := metav1.LabelSelectorAsSelector(&selector); err == nil {
			selectors = append(selectors, s)
		}
	}
	return func(namespace string) bool {
		if len(selectors) == 0 || namespace == "" {
			return true
		}
		of, known := namespaces[namespace]
		if !known {
			return false
		}
		for _, s := range selectors {
			if s.Matches(labels.Set(of)) {
				return true
			}
		}
		return false
	}
}

func (s *sorted) add(object json.RawMessage, m manifest, revision string, selected func(string) bool) {
	if rev, ok := m.Metadata.Labels["istio.io/rev"]; ok && rev != revision && strings.HasSuffix(group(m.APIVersion), "istio.io") {
		return
	}
	switch g := group(m.APIVersion); g {
	case "networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io":
		if !selected(m.Metadata.Namespace) {
			return
		}
		if s.addIstio(object, m) && m.Kind == "ServiceEntry" {
			s.addKube([]byte(strings.Replace(string(object), m.APIVersion, g+"/v1", 1)), m)
		}
	case "gateway.networking.k8s.io":
		if rev, ok := m.Metadata.Labels["istio.io/rev"]; ok && rev != revision {
			return
		}
		s.addKube(withoutRevision(object), m)
	default:
		s.addKube(object, m)
	}
}

// withoutRevision drops the revision label: the fake server runs without a revision of its own.
func withoutRevision(object json.RawMessage) json.RawMessage {
	var all map[string]any
	if json.Unmarshal(object, &all) != nil {
		return object
	}
	if meta, ok := all["metadata"].(map[string]any); ok {
		if of, ok := meta["labels"].(map[string]any); ok {
			delete(of, "istio.io/rev")
		}
	}
	js, err := json.Marshal(all)
	if err != nil {
		return object
	}
	return js
}

func (s *sorted) addKube(object []byte, m manifest) {
	found, _, err := kubelib.IstioCodec.UniversalDeserializer().Decode(object, nil, nil)
	if err != nil {
		s.unread = append(s.unread, fmt.Sprintf("%s %s/%s: %v", m.Kind, m.Metadata.Namespace, m.Metadata.Name, err))
		return
	}
	s.kube = append(s.kube, found)
}

// addIstio validates as the webhook does; what it refuses is named and left out.
func (s *sorted) addIstio(object []byte, m manifest) bool {
	named := func(message string) remark { return remark{m.Kind, m.Metadata.Namespace, m.Metadata.Name, message} }
	var kind crd.IstioKind
	if err := json.Unmarshal(object, &kind); err != nil {
		s.invalid = append(s.invalid, named(err.Error()))
		return false
	}
	of := kind.GroupVersionKind()
	known, ok := collections.PilotGatewayAPI().FindByGroupVersionAliasesKind(config.GroupVersionKind{Group: of.Group, Version: of.Version, Kind: of.Kind})
	if !ok {
		s.unread = append(s.unread, "no such kind "+of.String())
		return false
	}
	c, err := crd.ConvertObject(known, &kind, "cluster.local")
	if err != nil {
		s.invalid = append(s.invalid, named(err.Error()))
		return false
	}
	warning, err := known.ValidateConfig(*c)
	if err != nil {
		s.invalid = append(s.invalid, named(err.Error()))
		return false
	}
	if warning != nil {
		s.warned = append(s.warned, named(warning.Error()))
	}
	s.istio = append(s.istio, *c)
	return true
}

func meshOf(r request, revision string) (*meshconfig.MeshConfig, error) {
	m := mesh.DefaultMeshConfig()
	for _, each := range r.Revisions[revision] {
		merged, err := mesh.ApplyMeshConfig(each, m)
		if err != nil {
			return nil, err
		}
		m = merged
	}
	m.RootNamespace = r.Root
	return m, nil
}

func objectsOf(r request, revision string, m *meshconfig.MeshConfig) *sorted {
	manifests := make([]manifest, len(r.Objects))
	namespaces := map[string]map[string]string{}
	for i, object := range r.Objects {
		_ = json.Unmarshal(object, &manifests[i])
		if manifests[i].Kind == "Namespace" {
			namespaces[manifests[i].Metadata.Name] = manifests[i].Metadata.Labels
		}
	}
	selected := discovered(m, namespaces)
	s := &sorted{}
	for i, object := range r.Objects {
		s.add(object, manifests[i], revision, selected)
	}
	return s
}

func proxyOf(t test.Failer, p proxyWanted) *model.Proxy {
	kind := model.SidecarProxy
	if p.Type == "router" {
		kind = model.Router
	}
	meta := &model.NodeMetadata{}
	if p.Metadata != nil {
		js, _ := json.Marshal(p.Metadata)
		if err := json.Unmarshal(js, meta); err != nil {
			t.Fatalf("metadata: %v", err)
		}
	}
	meta.Namespace, meta.Labels, meta.IstioVersion = p.Namespace, p.Labels, p.Version
	meta.ClusterID, meta.ServiceAccount = "Kubernetes", p.Account
	return &model.Proxy{
		Type: kind, ID: p.Pod + "." + p.Namespace, IPAddresses: []string{p.IP}, Labels: p.Labels,
		ConfigNamespace: p.Namespace, Metadata: meta,
		VerifiedIdentity: &spiffe.Identity{TrustDomain: "cluster.local", Namespace: p.Namespace, ServiceAccount: p.Account},
	}
}

var secretName = regexp.MustCompile(`"name":\s*"((?:kubernetes|configmap)[^"]*)"`)

// secretsOf names the secrets that the configuration refers to, with what istiod delivers of each.
func secretsOf(s *xds.FakeDiscoveryServer, proxy *model.Proxy, of proxyConfig) map[string][]string {
	names := sets.New[string]()
	for _, part := range [][]json.RawMessage{of.Listeners, of.Clusters} {
		for _, each := range part {
			for _, found := range secretName.FindAllSubmatch(each, -1) {
				names.Insert(string(found[1]))
			}
		}
	}
	out := map[string][]string{}
	if len(names) == 0 {
		return out
	}
	for name := range names {
		out[name] = []string{}
	}
	resources, _, err := s.Discovery.Generators[v3.SecretType].Generate(proxy,
		&model.WatchedResource{TypeUrl: v3.SecretType, ResourceNames: names}, &model.PushRequest{Forced: true, Push: s.PushContext()})
	if err != nil {
		return out
	}
	for _, each := range resources {
		secret := &tls.Secret{}
		if each.Resource.UnmarshalTo(secret) != nil {
			continue
		}
		has := []string{}
		if secret.GetTlsCertificate() != nil {
			has = append(has, "certificate")
		}
		if secret.GetValidationContext() != nil {
			has = append(has, "authority")
		}
		out[secret.Name] = has
	}
	return out
}

// namesOf is the table from which the proxy answers the DNS queries of its pod.
func namesOf(s *xds.FakeDiscoveryServer, proxy *model.Proxy) map[string][]string {
	table := dnsServer.BuildNameTable(dnsServer.Config{Node: proxy, Push: s.PushContext()})
	out := map[string][]string{}
	for name, of := range table.GetTable() {
		out[name] = of.GetIps()
	}
	return out
}

func answerOf(t test.Failer, r request, revision string, a *answer) {
	m, err := meshOf(r, revision)
	if err != nil {
		t.Fatalf("mesh: %v", err)
	}
	objects := objectsOf(r, revision, m)
	a.Invalid, a.Warned, a.Unread = merge(a.Invalid, objects.invalid), merge(a.Warned, objects.warned), objects.unread
	s := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		KubernetesObjects:          objects.kube,
		Configs:                    objects.istio,
		MeshConfig:                 m,
		DisableSecretAuthorization: true,
		KubeClientModifier: func(c kubelib.Client) {
			for _, each := range moreKinds {
				clienttest.MakeCRD(t, c, each)
			}
		},
	})
	s.EnsureSynced(t)
	for _, p := range r.Proxies {
		if p.Revision != revision {
			continue
		}
		proxy := s.SetupProxy(proxyOf(t, p))
		listeners := s.Listeners(proxy)
		of := proxyConfig{
			Listeners: raw(listeners),
			Routes:    raw(s.RoutesFromListeners(proxy, listeners)),
			Clusters:  raw(s.Clusters(proxy)),
			Endpoints: raw(s.Endpoints(proxy)),
		}
		of.Secrets = secretsOf(s, proxy, of)
		if proxy.Metadata.DNSCapture {
			of.Names = namesOf(s, proxy)
		}
		a.Proxies[p.Name] = of
	}
}

func merge(before, more []remark) []remark {
	seen := sets.New(before...)
	for _, each := range more {
		if !seen.InsertContains(each) {
			before = append(before, each)
		}
	}
	sort.Slice(before, func(i, j int) bool {
		return before[i].Kind+before[i].Namespace+before[i].Name < before[j].Kind+before[j].Namespace+before[j].Name
	})
	return before
}

func answerTo(line []byte) answer {
	began := time.Now()
	var r request
	a := answer{Proxies: map[string]proxyConfig{}}
	if problem := json.Unmarshal(line, &r); problem != nil {
		a.Error = problem.Error()
		return a
	}
	a.ID = r.ID
	for revision := range r.Revisions {
		if problem := test.Wrap(func(t test.Failer) { answerOf(t, r, revision, &a) }); problem != nil {
			a.Error = problem.Error()
		}
	}
	a.Seconds = time.Since(began).Seconds()
	return a
}

func main() {
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
	features.EnableAmbient = false
	clear(gatewayapi.MinimumCRDVersions) // the fake server's definitions name no bundle version
	debug.SetGCPercent(200)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			_ = out.Encode(answerTo(line))
		}
		if err != nil {
			return
		}
	}
}
