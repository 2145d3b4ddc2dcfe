{{- /* The Deployment of a component: name, arguments, whether it has Slack tokens, additional mounts */ -}}
{{- define "egress-diag.deployment" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- $pod := include "egress-diag.pod" . | fromJson -}}
{{- $alerts := and .http $root.Values.alerts.existingSecret -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "egress-diag.metadata" (dict "root" $root "component" .component "name" (printf "%s-%s" (include "egress-diag.fullname" $root) .component)) | nindent 2 }}
spec:
  {{- if .replicas }}
  replicas: {{ .replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy: {{- toYaml .strategy | nindent 4 }}
  selector:
    matchLabels: {{- include "egress-diag.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "egress-diag.podLabels" (dict "root" $root "component" .component "pod" $pod "identity" (include "egress-diag.identity" (dict "root" $root "own" .identity))) | nindent 8 }}
      annotations:
        {{- include "egress-diag.checksums" $root | nindent 8 }}
        {{- if .slack }}
        {{- include "egress-diag.slackChecksum" $root | nindent 8 }}
        {{- end }}
        {{- if $alerts }}
        checksum/alerts: {{ include "egress-diag.secretSum" (dict "root" $root "name" $root.Values.alerts.existingSecret) }}
        {{- end }}
        {{- with $pod.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ .account }}
      automountServiceAccountToken: {{ .token | default false }}
      terminationGracePeriodSeconds: {{ .grace }}
      {{- include "egress-diag.podFields" (dict "root" $root "component" .component "pod" $pod) | nindent 6 }}
      {{- if or $pod.initContainers (include "egress-diag.caBundle" $root) }}
      initContainers:
        {{- if include "egress-diag.caBundle" $root }}
        {{- include "egress-diag.caContainer" (dict "root" $root "pod" $pod) | nindent 8 }}
        {{- end }}
        {{- with $pod.initContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "egress-diag.image" $root | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: {{- toYaml .args | nindent 12 }}
          {{- $env := list (include "egress-diag.environment" $root | fromYamlArray) }}
          {{- if .slack }}
          {{- $env = append $env (include "egress-diag.slackEnvironment" $root | fromYamlArray) }}
          {{- end }}
          {{- if $alerts }}
          {{- $env = append $env (include "egress-diag.alertsEnvironment" $root | fromYamlArray) }}
          {{- end }}
          env: {{- include "egress-diag.env" (append $env $pod.extraEnv) | nindent 12 }}
          {{- with $pod.envFrom }}
          envFrom: {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            {{- if .http }}
            - name: http
              containerPort: 3000
            {{- end }}
            - name: metrics
              containerPort: {{ ternary 3001 9090 (.http | default false) }}
          {{- $probes := include (ternary "egress-diag.listenerProbes" "egress-diag.heartbeatProbes" (.http | default false)) $root | fromYaml }}
          {{- include "egress-diag.probes" (dict "pod" $pod "defaults" $probes) | nindent 10 }}
          resources: {{- toYaml $values.resources | nindent 12 }}
          securityContext: {{- toYaml $pod.containerSecurityContext | nindent 12 }}
          volumeMounts:
            {{- include "egress-diag.mounts" $root | nindent 12 }}
            {{- if .kubeconfig }}
            - name: kubeconfig
              mountPath: /etc/egress-diag-kubeconfig
              readOnly: true
            {{- end }}
            {{- with $pod.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
        {{- with $pod.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumes:
        {{- include "egress-diag.volumes" $root | nindent 8 }}
        {{- with .kubeconfig }}
        - name: kubeconfig
          secret:
            secretName: {{ . }}
        {{- end }}
        {{- with $pod.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end -}}
