{{- /* The security contexts of a pod and of the chart's containers, which satisfy the level `restricted` of pod security */ -}}
{{- define "egress-diag.security" -}}
podSecurityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
containerSecurityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- /* The settings of a component's pods, as JSON: those of `pod`, with those of the component added or instead. root, values. */ -}}
{{- define "egress-diag.pod" -}}
{{- $shared := .root.Values.pod -}}
{{- $own := .values -}}
{{- $found := include "egress-diag.security" . | fromYaml -}}
{{- range $field := list "podLabels" "podAnnotations" "nodeSelector" "podSecurityContext" "containerSecurityContext" "startupProbe" "livenessProbe" "readinessProbe" -}}
{{- $merged := get $found $field | default dict -}}
{{- /* An empty label is a label. In a security context, an empty value removes the key: some versions of Helm drop null. */ -}}
{{- $removes := contains "SecurityContext" $field -}}
{{- range list (index $shared $field) (index $own $field) -}}
{{- range $key, $value := . -}}
{{- if and $removes (or (kindIs "invalid" $value) (eq (toString $value) "")) }}{{ $_ := unset $merged $key }}{{ else }}{{ $_ := set $merged $key $value }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $found $field $merged -}}
{{- end -}}
{{- range list "affinity" "dnsConfig" "dnsPolicy" "hostAliases" "priorityClassName" "runtimeClassName" "tolerations" "topologySpreadConstraints" -}}
{{- $_ := set $found . (default (index $shared .) (index $own .)) -}}
{{- end -}}
{{- range list "envFrom" "extraContainers" "extraEnv" "extraVolumeMounts" "extraVolumes" "imagePullSecrets" "initContainers" -}}
{{- $_ := set $found . (concat (index $shared . | default list) (index $own . | default list)) -}}
{{- end -}}
{{- $_ := set $found "imagePullSecrets" (concat .root.Values.image.pullSecrets $found.imagePullSecrets | uniq) -}}
{{- toJson $found -}}
{{- end -}}

{{- /* The labels of a component's pods: root, component, pod; optionally identity. The chart's own labels take precedence. */ -}}
{{- define "egress-diag.podLabels" -}}
{{- /* The bot's own traffic must not be routed through the gateways that it diagnoses. */ -}}
{{- $own := dict "sidecar.istio.io/inject" "false" -}}
{{- if .identity }}{{ $_ := set $own "azure.workload.identity/use" "true" }}{{ end -}}
{{- include "egress-diag.labels" (dict "root" .root "component" .component "labels" (merge $own .pod.podLabels)) -}}
{{- end -}}

{{- /* The fields of a pod specification that every pod has: root, component, pod */ -}}
{{- define "egress-diag.podFields" -}}
enableServiceLinks: false
securityContext: {{- toYaml .pod.podSecurityContext | nindent 2 }}
{{- range $field := list "imagePullSecrets" "nodeSelector" "tolerations" "affinity" "dnsConfig" "hostAliases" }}
{{- with index $.pod $field }}
{{ $field }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $field := list "priorityClassName" "runtimeClassName" "dnsPolicy" }}
{{- with index $.pod $field }}
{{ $field }}: {{ . }}
{{- end }}
{{- end }}
{{- with include "egress-diag.spread" . | fromYamlArray }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The spread constraints of a component, each with the labels of its pods unless it has a selector. Single pods have none. */ -}}
{{- define "egress-diag.spread" -}}
{{- $selector := dict "matchLabels" (include "egress-diag.selector" . | fromYaml) -}}
{{- $default := list (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway") -}}
{{- if has .component (list "redis" "test") }}{{ $default = list }}{{ end -}}
{{- range .pod.topologySpreadConstraints | default $default }}
- {{ ternary . (set (deepCopy .) "labelSelector" $selector) (hasKey . "labelSelector") | toYaml | nindent 2 | trim }}
{{- end }}
{{- end -}}

{{- /* Environment variables in which a later one replaces an earlier one with the same name: a list of lists */ -}}
{{- define "egress-diag.env" -}}
{{- $names := list -}}
{{- $last := dict -}}
{{- range . -}}
{{- range . -}}
{{- if not (hasKey $last .name) }}{{ $names = append $names .name }}{{ end -}}
{{- $_ := set $last .name . -}}
{{- end -}}
{{- end -}}
{{- range $names }}
- {{ index $last . | toYaml | nindent 2 | trim }}
{{- end -}}
{{- end -}}

{{- /* The three probes of a container: pod, and their defaults by name. A handler of the values replaces that of the default. */ -}}
{{- define "egress-diag.probes" -}}
{{- range $name, $default := .defaults }}
{{- $own := index $.pod $name }}
{{- if or $own.exec $own.httpGet $own.tcpSocket $own.grpc }}
{{- $default = omit $default "exec" "httpGet" "tcpSocket" "grpc" }}
{{- end }}
{{ $name }}: {{- mergeOverwrite (deepCopy $default) $own | toYaml | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The probes of the listener. /healthz answers 503 while Socket Mode is disconnected; the kubelet restarts the container after
five minutes. */ -}}
{{- define "egress-diag.listenerProbes" -}}
startupProbe:
  tcpSocket: {port: metrics}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 30
  timeoutSeconds: 5
  failureThreshold: 10
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 3
{{- end -}}

{{- /* Probes of the heartbeat file. They start Python only if the file is old, to check whether Redis answers: a process that
waits for Redis is not restarted. */ -}}
{{- define "egress-diag.heartbeatProbes" -}}
startupProbe:
  exec:
    command:
      - sh
      - -c
      - test -n "$(find "$EGRESS_DIAG_HEARTBEAT" -mmin -1 2>/dev/null)" || exec python -m workers.queue.liveness
  periodSeconds: 5
  timeoutSeconds: 10
  failureThreshold: 24
livenessProbe:
  exec:
    command:
      - sh
      - -c
      - test -n "$(find "$EGRESS_DIAG_HEARTBEAT" -mmin -1 2>/dev/null)" || exec python -m workers.queue.liveness
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 3
readinessProbe:
  exec:
    command: [sh, -c, 'test -n "$(find "$EGRESS_DIAG_HEARTBEAT" -mmin -1 2>/dev/null)"']
  periodSeconds: 15
  timeoutSeconds: 5
{{- end -}}

{{- define "egress-diag.redisProbes" -}}
startupProbe:
  exec:
    command:
      - sh
      - -c
      - REDISCLI_AUTH="$REDIS_PASSWORD" "$(command -v valkey-cli || command -v redis-cli)" ping | grep -q PONG
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  tcpSocket: {port: redis}
  periodSeconds: 20
  timeoutSeconds: 5
readinessProbe:
  exec:
    command:
      - sh
      - -c
      - REDISCLI_AUTH="$REDIS_PASSWORD" "$(command -v valkey-cli || command -v redis-cli)" ping | grep -q PONG
  periodSeconds: 10
  timeoutSeconds: 5
{{- end -}}
