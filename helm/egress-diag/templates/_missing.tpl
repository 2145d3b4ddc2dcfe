{{- /* A line if an object that the pods need is not in the cluster, or lacks a key: root, kind, name, keys */ -}}
{{- define "egress-diag.absent" -}}
{{- if .name -}}
{{- $found := lookup "v1" .kind .root.Release.Namespace .name -}}
{{- if not $found }}
- {{ .kind }} {{ .name }} was not found in namespace {{ .root.Release.Namespace }}{{ with .keys }}: create it with {{ join ", " . }}{{ end }}. Pods wait for it.
{{- else }}
{{- range .keys }}
{{- if not (hasKey ($found.data | default dict) .) }}
- {{ $.kind }} {{ $.name }} has no key {{ . }}. Pods wait for it.
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A line if the chart's Redis would be stopped before it refuses writes: a rewrite of its file needs half of the data again */ -}}
{{- define "egress-diag.redisMemory" -}}
{{- $limit := dig "limits" "memory" "" .Values.redis.resources | toString -}}
{{- $held := lower .Values.redis.maxMemory -}}
{{- if and .Values.redis.enabled (regexMatch "^[0-9]+[MG]i$" $limit) (regexMatch "^[0-9]+[mg]b$" $held) -}}
{{- $mib := mul (regexFind "^[0-9]+" $limit | int) (ternary 1024 1 (hasSuffix "Gi" $limit)) -}}
{{- $most := mul (regexFind "^[0-9]+" $held | int) (ternary 1024 1 (hasSuffix "gb" $held)) -}}
{{- if gt (mul 3 $most) (mul 2 $mib) }}
- redis.maxMemory {{ .Values.redis.maxMemory }} needs redis.resources.limits.memory of at least {{ div (mul 3 $most) 2 }}Mi, found {{ $limit }}.
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
{{- if and $values.alerts.existingSecret (not $policies.alertsFrom) (not (and $http (not $policies.ingressFrom))) }}
- The NetworkPolicy refuses Alertmanager: set networkPolicy.alertsFrom.
{{- end }}
{{- if and $values.monitoring.serviceMonitor.enabled (not $policies.metricsFrom) }}
- The NetworkPolicies refuse Prometheus: set networkPolicy.metricsFrom.
{{- end }}
{{- end }}
{{- end -}}
