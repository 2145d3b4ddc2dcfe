{{- /* Fails if the API server, or an operator, would refuse an object that these values make; the message names the key to change.
values.schema.json refuses single values; these are contradictions between values. */ -}}
{{- define "egress-diag.refusals" -}}
{{- $values := .Values -}}
{{- if $values.rbacOnly -}}
{{- if not $values.rbac.create }}{{ fail "rbacOnly installs only the roles, and rbac.create is false: nothing would be installed" }}{{ end -}}
{{- else -}}
{{- include "egress-diag.refusedName" . -}}
{{- if not $values.existingConfigMap }}{{ include "egress-diag.refusedConfig" $values.config }}{{ end -}}
{{- if eq (include "egress-diag.account.bot" .) (include "egress-diag.account.worker" .) -}}
{{- fail "serviceAccounts.bot.name is the account of the workers: the bot must not have their permissions" -}}
{{- end -}}
{{- $scaling := $values.worker.autoscaling -}}
{{- if and (ne $scaling.mode "none") (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- fail (printf "worker.autoscaling.minReplicas is %d, more than maxReplicas, which is %d" (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- end -}}
{{- if and (eq $values.bot.service.type "ClusterIP") (eq (int $values.bot.service.port) 3001) -}}
{{- fail "bot.service.port is 3001, the port of health and metrics in the same Service: choose another one" -}}
{{- end -}}
{{- $monitor := $values.monitoring.serviceMonitor -}}
{{- if and $monitor.enabled $monitor.scrapeTimeout (gt (include "egress-diag.seconds" $monitor.scrapeTimeout | float64) (include "egress-diag.seconds" $monitor.interval | float64)) -}}
{{- fail (printf "monitoring.serviceMonitor.scrapeTimeout is %s, longer than interval, which is %s" $monitor.scrapeTimeout $monitor.interval) -}}
{{- end -}}
{{- $components := list "bot" "courier" "worker" "beat" -}}
{{- if include "egress-diag.actions" . }}{{ $components = append $components "actions" }}{{ end -}}
{{- if $values.redis.enabled }}{{ $components = append $components "redis" }}{{ end -}}
{{- range $component := $components -}}
{{- include "egress-diag.refusedResources" (dict "component" $component "resources" (index $values $component).resources) -}}
{{- include "egress-diag.refusedPod" (dict "root" $ "component" $component "values" (index $values $component)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Contradictions in the configuration, with which the processes would not start: config */ -}}
{{- define "egress-diag.refusedConfig" -}}
{{- $names := list -}}
{{- $known := list -}}
{{- range .clusters -}}
{{- $cluster := .name -}}
{{- $names = append $names .name -}}
{{- range prepend (.aliases | default list) .name | uniq -}}
{{- if has (lower .) $known }}{{ fail (printf "config.clusters: the name %s of cluster %s is also the name of another one" . $cluster) }}{{ end -}}
{{- $known = append $known (lower .) -}}
{{- end -}}
{{- end -}}
{{- range $part := list "access" "digests" -}}
{{- range $number, $entry := index $ $part -}}
{{- range $pattern := $entry.clusters -}}
{{- $expression := printf "^%s$" (regexQuoteMeta $pattern | replace "\\*" ".*" | replace "\\?" ".") -}}
{{- $matches := or (contains "[" $pattern) (not (or $names (eq $part "digests"))) -}}
{{- range $names }}{{ if regexMatch $expression . }}{{ $matches = true }}{{ end }}{{ end -}}
{{- if not $matches }}{{ fail (printf "config.%s.%d.clusters: %s matches no cluster of config.clusters" $part $number $pattern) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $number, $entry := .alerts -}}
{{- if not (or (contains "{{" .cluster) (has (lower .cluster) $known)) }}{{ fail (printf "config.alerts.%d.cluster: %s is no cluster of config.clusters" $number .cluster) }}{{ end -}}
{{- end -}}
{{- include "egress-diag.refusedInterval" (dict "path" "config.sweep_every" "interval" .sweep_every "off" "0s") -}}
{{- with .probe -}}
{{- include "egress-diag.refusedInterval" (dict "path" "config.probe.canary" "interval" .canary "off" "off") -}}
{{- if and .canary (ne (toString .canary) "off") (not .namespaces) }}{{ fail "config.probe.canary needs config.probe.namespaces: scheduled probes run in these namespaces only" }}{{ end -}}
{{- end -}}
{{- end -}}

{{- /* An interval is at least five minutes: path, interval, off */ -}}
{{- define "egress-diag.refusedInterval" -}}
{{- $seconds := include "egress-diag.seconds" (toString (.interval | default "")) | float64 -}}
{{- if and (gt $seconds 0.0) (lt $seconds 300.0) }}{{ fail (printf "%s is %s: use at least 5m, or %s" .path .interval .off) }}{{ end -}}
{{- end -}}

{{- /* Names of Services are DNS labels that begin with a letter. Helm permits other names of releases. */ -}}
{{- define "egress-diag.refusedName" -}}
{{- $name := include "egress-diag.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "the objects would be named %s, but names of Services contain only a-z, 0-9 and -, and begin with a letter: set fullnameOverride" $name) -}}
{{- end -}}
{{- end -}}

{{- /* A request must not be larger than its limit: component, resources */ -}}
{{- define "egress-diag.refusedResources" -}}
{{- $limits := .resources.limits | default dict -}}
{{- range $name, $requested := .resources.requests -}}
{{- $limit := index $limits $name -}}
{{- if and $limit $requested (gt (include "egress-diag.amount" $requested | float64) (include "egress-diag.amount" $limit | float64)) -}}
{{- fail (printf "%s.resources.requests.%s is %v, more than the limit, which is %v" $.component $name $requested $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A pod must not have two volumes, containers or mount paths with one name, nor mount a volume that it does not have: root,
component, values */ -}}
{{- define "egress-diag.refusedPod" -}}
{{- $pod := include "egress-diag.pod" . | fromJson -}}
{{- $where := printf "pod or %s" .component -}}
{{- $volumes := list -}}
{{- $paths := list -}}
{{- $containers := list .component -}}
{{- if eq .component "redis" -}}
{{- $volumes = list "data" "settings" "tmp" -}}
{{- $paths = list "/data" "/etc/redis" "/tmp" -}}
{{- else -}}
{{- range include "egress-diag.volumes" .root | fromYamlArray }}{{ $volumes = append $volumes .name }}{{ end -}}
{{- range include "egress-diag.mounts" .root | fromYamlArray }}{{ $paths = append $paths .mountPath }}{{ end -}}
{{- if .values.kubeconfigSecret }}{{ $volumes = append $volumes "kubeconfig" }}{{ $paths = append $paths "/etc/egress-diag-kubeconfig" }}{{ end -}}
{{- if include "egress-diag.caBundle" .root }}{{ $containers = append $containers "ca-bundle" }}{{ end -}}
{{- end -}}
{{- range $pod.extraVolumes -}}
{{- if has .name $volumes }}{{ fail (printf "extraVolumes of %s: the pod of %s already has a volume %s: choose another name" $where $.component .name) }}{{ end -}}
{{- $volumes = append $volumes .name -}}
{{- end -}}
{{- range $pod.extraVolumeMounts -}}
{{- $path := trimSuffix "/" .mountPath -}}
{{- if has $path $paths }}{{ fail (printf "extraVolumeMounts of %s: the container of %s already has a mount at %s: choose another path" $where $.component .mountPath) }}{{ end -}}
{{- if not (has .name $volumes) }}{{ fail (printf "extraVolumeMounts of %s: the pod of %s has no volume %s: add it to extraVolumes" $where $.component .name) }}{{ end -}}
{{- $paths = append $paths $path -}}
{{- end -}}
{{- range concat ($pod.initContainers | default list) ($pod.extraContainers | default list) -}}
{{- if has .name $containers }}{{ fail (printf "initContainers or extraContainers of %s: the pod of %s already has a container %s: choose another name" $where $.component .name) }}{{ end -}}
{{- $containers = append $containers .name -}}
{{- end -}}
{{- range list .root.Values.pod .values -}}
{{- $names := list -}}
{{- range .extraEnv -}}
{{- if has .name $names }}{{ fail (printf "extraEnv of %s names the variable %s twice" $where .name) }}{{ end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A quantity of Kubernetes (500m, 1Gi, 1e3) as a number */ -}}
{{- define "egress-diag.amount" -}}
{{- $text := toString . -}}
{{- if regexMatch "^[0-9.]+([eE][-+]?[0-9]+)?$" $text -}}
{{- float64 $text -}}
{{- else -}}
{{- $factors := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (get $factors (regexFind "[a-zA-Z]+$" $text)) -}}
{{- end -}}
{{- end -}}

{{- /* A duration of Prometheus (1m30s) in seconds */ -}}
{{- define "egress-diag.seconds" -}}
{{- $factors := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 "w" 604800.0 "y" 31536000.0 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9]+(ms|[smhdwy])" . -1 -}}
{{- $sum = addf $sum (mulf (regexFind "^[0-9]+" . | float64) (get $factors (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}
