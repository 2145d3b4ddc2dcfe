{{- /* The defaults of keys that the values of an older release, kept with --reuse-values, do not have. files/defaults.yaml is
written from values.yaml by `make docs`. Every template begins with this. */ -}}
{{- define "egress-diag.defaults" -}}
{{- range $path, $default := .Files.Get "files/defaults.yaml" | fromYaml -}}
{{- $place := $.Values -}}
{{- range $name := splitList "." $path | initial -}}
{{- if not (kindIs "map" (index $place $name)) }}{{ $_ := set $place $name dict }}{{ end -}}
{{- $place = index $place $name -}}
{{- end -}}
{{- $name := splitList "." $path | last -}}
{{- if not (hasKey $place $name) }}{{ $_ := set $place $name $default }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "egress-diag.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimAll "-" -}}
{{- end -}}

{{- define "egress-diag.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimAll "-" -}}
{{- else if contains (include "egress-diag.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimAll "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "egress-diag.name" .) | trunc 40 | trimAll "-" -}}
{{- end -}}
{{- end -}}

{{- define "egress-diag.selector" -}}
app.kubernetes.io/name: {{ include "egress-diag.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- /* The labels of an object or a pod: root, component and additional labels. The chart's own labels take precedence. */ -}}
{{- define "egress-diag.labels" -}}
{{- $own := include "egress-diag.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- merge $own (deepCopy (.labels | default dict)) (deepCopy .root.Values.commonLabels) | toYaml -}}
{{- end -}}

{{- /* The metadata of an object: root, component, name; optionally namespace, labels and annotations */ -}}
{{- define "egress-diag.metadata" -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels: {{- include "egress-diag.labels" . | nindent 2 }}
{{- with merge (deepCopy (.annotations | default dict)) (deepCopy .root.Values.commonAnnotations) }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "egress-diag.image" -}}
{{- $image := .Values.image -}}
{{- $repository := required "image.repository is missing: set it to the repository of the image, for example myregistry.azurecr.io/egress-diag" $image.repository -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "egress-diag.account.worker" -}}
{{- $account := .Values.serviceAccounts.worker -}}
{{- if $account.create -}}{{ default (printf "%s-worker" (include "egress-diag.fullname" .)) $account.name }}{{- else -}}{{ required "serviceAccounts.worker.name is missing: with serviceAccounts.worker.create=false it must name an existing account" $account.name }}{{- end -}}
{{- end -}}

{{- define "egress-diag.account.actions" -}}
{{- $account := .Values.serviceAccounts.actions -}}
{{- if $account.create -}}{{ default (printf "%s-actions" (include "egress-diag.fullname" .)) $account.name }}{{- else -}}{{ required "serviceAccounts.actions.name is missing: with serviceAccounts.actions.create=false it must name an existing account" $account.name }}{{- end -}}
{{- end -}}

{{- define "egress-diag.account.bot" -}}
{{- $account := .Values.serviceAccounts.bot -}}
{{- if $account.create -}}{{ default (include "egress-diag.fullname" .) $account.name }}{{- else -}}{{ required "serviceAccounts.bot.name is missing: with serviceAccounts.bot.create=false it must name an existing account" $account.name }}{{- end -}}
{{- end -}}

{{- /* "true" if the workers read this cluster with their service account. The configuration in an existing ConfigMap is read
from the cluster; a tool that renders without one cannot do that, so the value must then be set. */ -}}
{{- define "egress-diag.inCluster" -}}
{{- if .Values.rbacOnly -}}
{{- else if ne (toString .Values.rbac.inCluster) "auto" -}}
{{- if eq (toString .Values.rbac.inCluster) "true" -}}true{{- end -}}
{{- else -}}
{{- $clusters := .Values.config.clusters -}}
{{- with .Values.existingConfigMap -}}
{{- $found := lookup "v1" "ConfigMap" $.Release.Namespace . | default dict -}}
{{- $written := dig "data" "config.yaml" "" $found | required (printf "rbac.inCluster is auto, but the ConfigMap %s with the key config.yaml could not be read in namespace %s: set rbac.inCluster=true if a cluster in it has kubeconfig: in-cluster, otherwise false" . $.Release.Namespace) | fromYaml -}}
{{- $clusters = $written.clusters | default list -}}
{{- end -}}
{{- $here := false -}}
{{- range $clusters -}}{{- if eq (toString .kubeconfig) "in-cluster" }}{{ $here = true }}{{ end -}}{{- end -}}
{{- if $here -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{- /* "true" if the chart installs the action worker; fails if it could not do anything, or its account is another component's */ -}}
{{- define "egress-diag.actions" -}}
{{- if and .Values.actions.enabled (not .Values.rbacOnly) -}}
{{- if and (not .Values.existingConfigMap) (not .Values.config.probe) -}}
{{- fail "actions.enabled is true, but config.probe is missing: without it, active steps are off" -}}
{{- end -}}
{{- if has (include "egress-diag.account.actions" .) (list (include "egress-diag.account.worker" .) (include "egress-diag.account.bot" .)) -}}
{{- fail "serviceAccounts.actions.name is the account of another component: the action worker needs an account of its own" -}}
{{- end -}}
true
{{- end -}}
{{- end -}}

{{- /* The Service with the listener's port of health and metrics */ -}}
{{- define "egress-diag.metricsService" -}}
{{- printf "%s-bot%s" (include "egress-diag.fullname" .) (ternary "" "-metrics" (eq .Values.bot.service.type "ClusterIP")) -}}
{{- end -}}

{{- define "egress-diag.configMap" -}}
{{- default (printf "%s-config" (include "egress-diag.fullname" .)) .Values.existingConfigMap -}}
{{- end -}}

{{- define "egress-diag.slackSecret" -}}
{{- default (printf "%s-slack" (include "egress-diag.fullname" .)) .Values.slack.existingSecret -}}
{{- end -}}

{{- /* Name and key of the Secret with the Redis password; empty without a password */ -}}
{{- define "egress-diag.redisSecret" -}}
{{- if .Values.redis.enabled -}}
{{- default (printf "%s-redis" (include "egress-diag.fullname" .)) .Values.redis.existingSecret -}}
{{- else -}}
{{- .Values.redis.external.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "egress-diag.redisSecretKey" -}}
{{- if not .Values.redis.enabled -}}{{ .Values.redis.external.existingSecretKey }}{{- else if .Values.redis.existingSecret -}}{{ .Values.redis.existingSecretKey }}{{- else -}}redis-password{{- end -}}
{{- end -}}

{{- /* "true" if the processes sign in to Redis with an Entra identity; fails if the other values contradict it */ -}}
{{- define "egress-diag.redisEntra" -}}
{{- $external := .Values.redis.external -}}
{{- if and (not .Values.redis.enabled) (eq $external.auth "entra") -}}
{{- if not $external.tls }}{{ fail "redis.external.auth is entra, which needs TLS: set redis.external.tls=true" }}{{ end -}}
{{- if $external.existingSecret }}{{ fail "redis.external.auth is entra, and redis.external.existingSecret names a password: remove one of them" }}{{ end -}}
{{- if eq .Values.worker.autoscaling.mode "queue" }}{{ fail "worker.autoscaling.mode is queue, but KEDA cannot sign in to Redis with Entra: set it to cpu or none" }}{{ end -}}
true
{{- end -}}
{{- end -}}

{{- /* The identity of a component's pods: its own for Azure, otherwise that for Redis. root, own. */ -}}
{{- define "egress-diag.identity" -}}
{{- $redis := ternary .root.Values.redis.external.clientId "" (eq (include "egress-diag.redisEntra" .root) "true") -}}
{{- .own | default $redis -}}
{{- end -}}

{{- define "egress-diag.redisHost" -}}
{{- if .Values.redis.enabled -}}
{{- printf "%s-redis" (include "egress-diag.fullname" .) -}}
{{- else -}}
{{- required "redis.external.host is missing: with redis.enabled=false it must name an existing Redis" .Values.redis.external.host -}}
{{- end -}}
{{- end -}}

{{- define "egress-diag.redisPort" -}}
{{- if .Values.redis.enabled -}}6379{{- else -}}{{ .Values.redis.external.port }}{{- end -}}
{{- end -}}

{{- define "egress-diag.redisUrl" -}}
{{- $host := include "egress-diag.redisHost" . -}}
{{- $external := .Values.redis.external -}}
{{- if .Values.redis.enabled -}}
redis://{{ $host }}:6379/0
{{- else -}}
{{- $username := ternary "" $external.username (eq $external.auth "entra") -}}
{{- ternary "rediss" "redis" $external.tls }}://{{ with $username }}{{ . }}@{{ end }}{{ $host }}:{{ $external.port }}/{{ $external.database }}
{{- if and $external.tls $external.caSecret }}?ssl_ca_certs=/etc/egress-diag-redis-ca/ca.crt{{ end -}}
{{- end -}}
{{- end -}}

{{- /* The password of the chart's Redis: from its existing Secret, else a new one, generated once per rendering */ -}}
{{- define "egress-diag.redisPassword" -}}
{{- if not (hasKey .Values.redis "made") -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (printf "%s-redis" (include "egress-diag.fullname" .)) -}}
{{- $kept := dig "data" "redis-password" "" ($found | default dict) | b64dec -}}
{{- $_ := set .Values.redis "made" (default (randAlphaNum 32) $kept) -}}
{{- end -}}
{{- .Values.redis.made -}}
{{- end -}}

{{- /* A checksum of a Secret in the cluster, so that `helm upgrade` after a rotation restarts the pods that read it */ -}}
{{- define "egress-diag.secretSum" -}}
{{- dig "data" dict (lookup "v1" "Secret" .root.Release.Namespace .name | default dict) | toJson | sha256sum -}}
{{- end -}}

{{- define "egress-diag.checksums" -}}
checksum/config: {{ .Values.config | toYaml | sha256sum }}
{{- if and .Values.redis.enabled (not .Values.redis.existingSecret) }}
checksum/redis: {{ include "egress-diag.redisPassword" . | sha256sum }}
{{- else if include "egress-diag.redisSecret" . }}
checksum/redis: {{ include "egress-diag.secretSum" (dict "root" . "name" (include "egress-diag.redisSecret" .)) }}
{{- end }}
{{- end -}}

{{- define "egress-diag.slackChecksum" -}}
{{- if .Values.slack.existingSecret }}
checksum/slack: {{ include "egress-diag.secretSum" (dict "root" . "name" .Values.slack.existingSecret) }}
{{- else }}
checksum/slack: {{ list .Values.slack.botToken .Values.slack.appToken .Values.slack.signingSecret | toJson | sha256sum }}
{{- end }}
{{- end -}}

{{- /* The environment of all processes */ -}}
{{- define "egress-diag.environment" -}}
- name: REDIS_URL
  value: {{ include "egress-diag.redisUrl" . | quote }}
{{- if include "egress-diag.redisEntra" . }}
- name: REDIS_AUTH
  value: entra
{{- end }}
{{- with include "egress-diag.redisSecret" . }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ include "egress-diag.redisSecretKey" $ }}
{{- end }}
- name: EGRESS_DIAG_CONFIG
  value: /etc/egress-diag/config.yaml
- name: EGRESS_DIAG_HEARTBEAT
  value: /tmp/egress-diag-heartbeat
- name: EGRESS_DIAG_METRICS_PORT
  value: "9090"
- name: EGRESS_DIAG_RUN_TIMEOUT
  value: {{ .Values.runTimeout | quote }}
- name: EGRESS_DIAG_KEY_PREFIX
  value: {{ .Values.keyPrefix | quote }}
{{- with .Values.logLevel }}
- name: EGRESS_DIAG_LOG_LEVEL
  value: {{ . }}
{{- end }}
{{- with .Values.logFormat }}
- name: EGRESS_DIAG_LOG
  value: {{ . }}
{{- end }}
{{- if include "egress-diag.caBundle" . }}
- name: SSL_CERT_FILE
  value: /etc/egress-diag-ca/ca-bundle.crt
- name: REQUESTS_CA_BUNDLE
  value: /etc/egress-diag-ca/ca-bundle.crt
{{- end }}
{{- end -}}

{{- /* "true" if the processes trust further certificate authorities */ -}}
{{- define "egress-diag.caBundle" -}}
{{- if and .Values.caBundle.configMap .Values.caBundle.secret -}}
{{- fail "caBundle.configMap and caBundle.secret are both set: name one of them" -}}
{{- end -}}
{{- if or .Values.caBundle.configMap .Values.caBundle.secret -}}true{{- end -}}
{{- end -}}

{{- /* The init container that adds the certificates of caBundle to the public ones */ -}}
{{- define "egress-diag.caContainer" -}}
- name: ca-bundle
  image: {{ include "egress-diag.image" .root | quote }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command:
    - sh
    - -ec
    - '{ cat "$(python -m certifi)"; echo; cat /etc/egress-diag-ca-source/ca.crt; } > /etc/egress-diag-ca/ca-bundle.crt'
  resources:
    requests: {cpu: 10m, memory: 32Mi}
    limits: {memory: 128Mi}
  securityContext: {{- toYaml .pod.containerSecurityContext | nindent 4 }}
  volumeMounts:
    - name: ca-source
      mountPath: /etc/egress-diag-ca-source
      readOnly: true
    - name: ca
      mountPath: /etc/egress-diag-ca
{{- end -}}

{{- define "egress-diag.slackEnvironment" -}}
- name: SLACK_BOT_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "egress-diag.slackSecret" . }}
      key: SLACK_BOT_TOKEN
- name: {{ ternary "SLACK_APP_TOKEN" "SLACK_SIGNING_SECRET" (eq .Values.slack.mode "socket") }}
  valueFrom:
    secretKeyRef:
      name: {{ include "egress-diag.slackSecret" . }}
      key: {{ ternary "SLACK_APP_TOKEN" "SLACK_SIGNING_SECRET" (eq .Values.slack.mode "socket") }}
{{- with .Values.slack.apiUrl }}
- name: SLACK_API_URL
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "egress-diag.alertsEnvironment" -}}
- name: EGRESS_DIAG_ALERTS_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .Values.alerts.existingSecret }}
      key: EGRESS_DIAG_ALERTS_TOKEN
{{- end -}}

{{- define "egress-diag.mounts" -}}
- name: config
  mountPath: /etc/egress-diag
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- if and (not .Values.redis.enabled) .Values.redis.external.caSecret }}
- name: redis-ca
  mountPath: /etc/egress-diag-redis-ca
  readOnly: true
{{- end }}
{{- if include "egress-diag.caBundle" . }}
- name: ca
  mountPath: /etc/egress-diag-ca
  readOnly: true
{{- end }}
{{- end -}}

{{- define "egress-diag.volumes" -}}
- name: config
  configMap:
    name: {{ include "egress-diag.configMap" . }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if and (not .Values.redis.enabled) .Values.redis.external.caSecret }}
- name: redis-ca
  secret:
    secretName: {{ .Values.redis.external.caSecret }}
{{- end }}
{{- if include "egress-diag.caBundle" . }}
- name: ca-source
  {{- if .Values.caBundle.secret }}
  secret:
    secretName: {{ .Values.caBundle.secret }}
  {{- else }}
  configMap:
    name: {{ .Values.caBundle.configMap }}
  {{- end }}
    items: [{key: {{ .Values.caBundle.key | quote }}, path: ca.crt}]
- name: ca
  emptyDir:
    sizeLimit: 8Mi
{{- end }}
{{- end -}}
