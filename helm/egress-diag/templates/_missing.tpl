{{- /* A line if an object that the pods need is not in the cluster, or lacks a key: root, kind, name, keys */ -}}
{{- define "egress-diag.absent" -}}
{{- if .name -}}
{{- $found := lookup "v1" .kind .root.Release.Namespace .name -}}
{{- $source := include "egress-diag.source" . | fromJson -}}
{{- if $found }}
{{- range .keys }}
{{- if not (hasKey ($found.data | default dict) .) }}
- {{ $.kind }} {{ $.name }} has no key {{ . }}. Pods wait for it.
{{- end }}
{{- end }}
{{- else if $source.object }}
{{- range .keys }}
{{- if and $source.keys (not (has . $source.keys)) }}
- {{ $source.object }} in extraObjects makes {{ $.kind }} {{ $.name }} without the key {{ . }}. Pods wait for it.
{{- end }}
{{- end }}
{{- if and (hasPrefix "SecretProviderClass " $source.object) (not (has (trimPrefix "SecretProviderClass " $source.object) (include "egress-diag.mountedClasses" .root | splitList " "))) }}
- {{ $source.object }} makes {{ $.kind }} {{ $.name }} while a pod mounts it: add a volume of the driver secrets-store.csi.k8s.io to extraVolumes.
{{- end }}
{{- else }}
- {{ .kind }} {{ .name }} was not found in namespace {{ .root.Release.Namespace }}{{ with .keys }}: create it with {{ join ", " . }}{{ end }}. Pods wait for it.
{{- with include "egress-diag.mountedClasses" .root | splitList " " | compact }}
{{- if eq $.kind "Secret" }} The Secrets Store CSI driver creates it if SecretProviderClass {{ join " or " . }} has it in secretObjects.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* The object of extraObjects that is or makes an object, with the keys that it gives it (none: not known), as JSON: root, kind,
name */ -}}
{{- define "egress-diag.source" -}}
{{- $source := dict -}}
{{- range $written := .root.Values.extraObjects -}}
{{- range $text := tpl (ternary $written (toYaml $written) (kindIs "string" $written)) $.root | splitList "\n---" -}}
{{- $each := $text | fromYaml -}}
{{- $made := dig "metadata" "name" "" $each -}}
{{- $keys := list -}}
{{- $spec := $each.spec | default dict -}}
{{- if eq $each.kind $.kind }}{{ $keys = concat (keys ($each.data | default dict)) (keys ($each.stringData | default dict)) }}
{{- else if ne $.kind "Secret" }}{{ $made = "" }}
{{- else if eq $each.kind "ExternalSecret" }}{{ $made = dig "target" "name" $made $spec }}
{{- else if eq $each.kind "SealedSecret" }}{{ $made = dig "template" "metadata" "name" $made $spec }}{{ $keys = keys ($spec.encryptedData | default dict) }}
{{- else if has $each.kind (list "VaultStaticSecret" "VaultDynamicSecret") }}{{ $made = dig "destination" "name" "" $spec }}
{{- else if eq $each.kind "SecretProviderClass" }}{{ $made = "" }}
{{- range $spec.secretObjects }}
{{- if eq .secretName $.name }}{{ $made = .secretName }}{{ range .data }}{{ $keys = append $keys .key }}{{ end }}{{ end -}}
{{- end -}}
{{- else }}{{ $made = "" }}{{ end -}}
{{- if eq $made $.name }}{{ $source = dict "object" (printf "%s %s" $each.kind $each.metadata.name) "keys" $keys }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $source -}}
{{- end -}}

{{- /* The names of the SecretProviderClasses that pods mount, with spaces between them */ -}}
{{- define "egress-diag.mountedClasses" -}}
{{- $names := list -}}
{{- range list .Values.pod .Values.bot .Values.courier .Values.worker .Values.actions .Values.beat .Values.redis -}}
{{- range .extraVolumes -}}
{{- if eq (dig "csi" "driver" "" .) "secrets-store.csi.k8s.io" }}{{ $names = append $names (dig "csi" "volumeAttributes" "secretProviderClass" "" .) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- uniq $names | join " " -}}
{{- end -}}

{{- /* A line if the chart's Redis would be stopped before it refuses writes: a rewrite of its file needs half of the data again */ -}}
{{- define "egress-diag.redisMemory" -}}
{{- $limit := dig "limits" "memory" "" .Values.redis.resources -}}
{{- if and .Values.redis.enabled $limit -}}
{{- $held := .Values.redis.maxMemory -}}
{{- $most := mul (regexFind "^[0-9]+" $held | int) (get (dict "kb" 1024 "mb" 1048576 "gb" 1073741824) (regexFind "[a-z]+$" $held)) -}}
{{- if gt (mulf 1.5 $most) (include "egress-diag.amount" $limit | float64) }}
- redis.maxMemory {{ $held }} needs redis.resources.limits.memory of at least {{ div (mul 3 $most) 2097152 }}Mi, found {{ $limit }}.
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What an installation still needs, one line each; empty if nothing is missing */ -}}
{{- define "egress-diag.missing" -}}
{{- include "egress-diag.redisMemory" . -}}
{{- $values := .Values -}}
{{- $http := eq $values.slack.mode "http" -}}
{{- $external := $values.redis.external -}}
{{- $policies := $values.networkPolicy -}}
{{- include "egress-diag.absent" (dict "root" . "kind" "Secret" "name" $values.slack.existingSecret "keys" (list "SLACK_BOT_TOKEN" (ternary "SLACK_SIGNING_SECRET" "SLACK_APP_TOKEN" $http))) -}}
{{- include "egress-diag.absent" (dict "root" . "kind" "Secret" "name" $values.alerts.existingSecret "keys" (list "EGRESS_DIAG_ALERTS_TOKEN")) -}}
{{- if $values.redis.enabled -}}
{{- include "egress-diag.absent" (dict "root" . "kind" "Secret" "name" $values.redis.existingSecret "keys" (list $values.redis.existingSecretKey)) -}}
{{- if $values.redis.persistence.enabled -}}
{{- include "egress-diag.absent" (dict "root" . "kind" "PersistentVolumeClaim" "name" $values.redis.persistence.existingClaim) -}}
{{- end -}}
{{- else -}}
{{- include "egress-diag.absent" (dict "root" . "kind" "Secret" "name" $external.existingSecret "keys" (list $external.existingSecretKey)) -}}
{{- include "egress-diag.absent" (dict "root" . "kind" "Secret" "name" $external.caSecret "keys" (list "ca.crt")) -}}
{{- end -}}
{{- include "egress-diag.absent" (dict "root" . "kind" "Secret" "name" $values.worker.kubeconfigSecret) -}}
{{- if include "egress-diag.actions" . -}}
{{- include "egress-diag.absent" (dict "root" . "kind" "Secret" "name" $values.actions.kubeconfigSecret) -}}
{{- end -}}
{{- include "egress-diag.absent" (dict "root" . "kind" "ConfigMap" "name" $values.caBundle.configMap "keys" (list $values.caBundle.key)) -}}
{{- include "egress-diag.absent" (dict "root" . "kind" "Secret" "name" $values.caBundle.secret "keys" (list $values.caBundle.key)) -}}
{{- range $component := list "worker" "actions" "bot" -}}
{{- $account := index $values.serviceAccounts $component -}}
{{- if not $account.create -}}
{{- include "egress-diag.absent" (dict "root" $ "kind" "ServiceAccount" "name" $account.name) -}}
{{- end -}}
{{- end -}}
{{- if and (include "egress-diag.inCluster" .) $values.rbac.create $values.rbac.namespaces -}}
{{- range $place := list "aks-istio-system" "aks-static-egress-gateway" -}}
{{- if not (has $place $values.rbac.namespaces) }}
- The workers may not read namespace {{ $place }}: add it to rbac.namespaces.
{{- end }}
{{- end -}}
{{- end -}}
{{- if not $values.existingConfigMap -}}
{{- if not $values.config.clusters }}
- No cluster is configured: set config.clusters.
{{- end }}
{{- if not $values.config.access }}
- No user has any permission: add a rule to config.access.
{{- end }}
{{- if and $values.config.alerts (not $values.alerts.existingSecret) }}
- config.alerts has rules, but alerts are off: set alerts.existingSecret.
{{- end }}
{{- range $values.config.clusters }}
{{- if and (not .kubeconfig) (not .bundle) (not $values.azure.clientId) }}
- Cluster {{ .name }} is read with credentials from Azure: set azure.clientId, or its kubeconfig.
{{- end }}
{{- if and (eq (toString .kubeconfig) "in-cluster") $values.rbac.create $values.rbac.namespaces }}
{{- if not .namespaces }}
- Cluster {{ .name }} is read in single namespaces: set its namespaces in config.clusters to those of the gateways.
{{- end }}
{{- range $place := .namespaces }}
{{- if not (has $place $values.rbac.namespaces) }}
- The workers may not read namespace {{ $place }}, which config.clusters names: add it to rbac.namespaces.
{{- end }}
{{- end }}
{{- end }}
{{- if and (eq (toString .kubeconfig) "in-cluster") (eq (toString .metrics) "pods") $values.rbac.create (not $values.rbac.readProxyCounters) }}
- Cluster {{ .name }} has metrics: pods, but no role permits it: set rbac.readProxyCounters=true.
{{- end }}
{{- end }}
{{- end -}}
{{- $identities := dig "annotations" dict $values.serviceAccounts.bot }}
{{- if and (include "egress-diag.redisEntra" .) (not $external.clientId) (not (hasKey $identities "azure.workload.identity/client-id")) }}
- The processes sign in to Redis with Entra, but their accounts have no identity: set redis.external.clientId.
{{- end }}
{{- if and $values.azure.clientId (not $values.serviceAccounts.worker.create) }}
- The chart does not create the workers' account: annotate it with azure.workload.identity/client-id={{ $values.azure.clientId }}.
{{- end }}
{{- $exposed := or $values.bot.ingress.enabled $values.bot.httpRoute.enabled (ne $values.bot.service.type "ClusterIP") }}
{{- if and $http (not $exposed) }}
- Slack must be able to reach the path /slack/events of service {{ include "egress-diag.fullname" . }}-bot: set bot.ingress, bot.httpRoute or bot.service.type.
{{- end }}
{{- if and $exposed (not $http) }}
- Slack does not send requests in Socket Mode: set slack.mode=http, or remove bot.ingress, bot.httpRoute and bot.service.type.
{{- end }}
{{- if $policies.enabled }}
{{- range $name := list "egressTo" "egressPorts" }}
{{- if not (index $policies $name) }}
- networkPolicy.{{ $name }} is empty: the pods connect to DNS and Redis only, unless a policy of your own permits Slack, Azure and the API servers.
{{- end }}
{{- end }}
{{- if and $values.alerts.existingSecret (not $policies.alertsFrom) (not (and $http (not $policies.ingressFrom))) }}
- The NetworkPolicy refuses Alertmanager: set networkPolicy.alertsFrom.
{{- end }}
{{- if and $values.monitoring.serviceMonitor.enabled (not $policies.metricsFrom) }}
- The NetworkPolicies refuse Prometheus: set networkPolicy.metricsFrom.
{{- end }}
{{- end }}
{{- end -}}

{{- /* Values that have no effect because of others, one line each; empty if there are none */ -}}
{{- define "egress-diag.unused" -}}
{{- $values := .Values -}}
{{- $persistence := $values.redis.persistence -}}
{{- $global := $values.global | default dict -}}
{{- if or $global.imageRegistry $global.imagePullSecrets $global.storageClass }}
- global is not used: name the registry in image.repository and redis.image, further values in image.pullSecrets and redis.persistence.
{{- end }}
{{- if $values.redis.enabled }}
{{- if $values.redis.external.host }}
- redis.external is not used, because redis.enabled is true: set it to false.
{{- end }}
{{- if and $persistence.existingClaim (not $persistence.enabled) }}
- redis.persistence.existingClaim is not used, because redis.persistence.enabled is false.
{{- end }}
{{- else if $values.redis.existingSecret }}
- redis.existingSecret is not used, because redis.enabled is false: the password of your own Redis is in redis.external.existingSecret.
{{- end }}
{{- if and $values.slack.existingSecret (or $values.slack.botToken $values.slack.appToken $values.slack.signingSecret) }}
- The tokens in slack are not used, because slack.existingSecret names a Secret.
{{- end }}
{{- if and $values.existingConfigMap (or $values.config.clusters $values.config.access) }}
- config is not used, because existingConfigMap names a ConfigMap.
{{- end }}
{{- if not (include "egress-diag.actions" .) }}
{{- if or $values.actions.azureClientId $values.actions.kubeconfigSecret }}
- actions.azureClientId and actions.kubeconfigSecret are not used, because actions.enabled is false.
{{- end }}
{{- end }}
{{- if and $values.azure.tenantId (not $values.azure.clientId) (not $values.redis.external.clientId) (not $values.actions.azureClientId) }}
- azure.tenantId is not used without azure.clientId.
{{- end }}
{{- if and (eq $values.bot.service.type "ClusterIP") (or $values.bot.service.nodePort $values.bot.service.externalTrafficPolicy) }}
- bot.service.nodePort and bot.service.externalTrafficPolicy are not used, because bot.service.type is ClusterIP.
{{- end }}
{{- if and (ne $values.bot.service.type "LoadBalancer") (or $values.bot.service.loadBalancerClass $values.bot.service.loadBalancerSourceRanges) }}
- bot.service.loadBalancerClass and bot.service.loadBalancerSourceRanges are not used, because bot.service.type is {{ $values.bot.service.type }}.
{{- end }}
{{- if not $values.rbac.create }}
{{- if or $values.rbac.namespaces $values.rbac.secretNamespaces $values.rbac.listSecrets $values.rbac.readProxyCounters $values.rbac.subjects $values.rbac.actionSubjects $values.rbac.probe.namespaces $values.rbac.restart.namespaces }}
- The other values of rbac are not used, because rbac.create is false.
{{- end }}
{{- else if and $values.rbac.listSecrets $values.rbac.secretNamespaces }}
- rbac.secretNamespaces is not used, because rbac.listSecrets permits every namespace.
{{- end }}
{{- end -}}
