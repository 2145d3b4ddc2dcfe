{{- /* The Deployment of a component: name, arguments, whether it has Slack tokens, additional mounts */ -}}
{{- define "egress-diag.deployment" -}}
{{- $root := .root -}}
{{- $values := .values -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "egress-diag.fullname" $root }}-{{ .component }}
  labels: {{- include "egress-diag.labels" . | nindent 4 }}
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
      labels:
        {{- include "egress-diag.labels" . | nindent 8 }}
        # The bot's own traffic must not be routed through the gateways that it diagnoses.
        sidecar.istio.io/inject: "false"
        {{- if .identity }}
        azure.workload.identity/use: "true"
        {{- end }}
      annotations:
        {{- include "egress-diag.checksums" $root | nindent 8 }}
        {{- if .slack }}
        {{- include "egress-diag.slackChecksum" $root | nindent 8 }}
        {{- end }}
        {{- if and .http (dig "existingSecret" "" ($root.Values.alerts | default dict)) }}
        checksum/alerts: {{ include "egress-diag.secretSum" (dict "root" $root "name" $root.Values.alerts.existingSecret) }}
        {{- end }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ .account }}
      automountServiceAccountToken: {{ .token | default false }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .grace }}
      securityContext: {{- include "egress-diag.podSecurity" $root | nindent 8 }}
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "egress-diag.placement" $values | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- include "egress-diag.spread" . | nindent 6 }}
      containers:
        - name: {{ .component }}
          image: {{ include "egress-diag.image" $root | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: {{- toYaml .args | nindent 12 }}
          env:
            {{- include "egress-diag.environment" $root | nindent 12 }}
            {{- if .slack }}
            {{- include "egress-diag.slackEnvironment" $root | nindent 12 }}
            {{- end }}
            {{- if and .http (dig "existingSecret" "" ($root.Values.alerts | default dict)) }}
            - name: EGRESS_DIAG_ALERTS_TOKEN
              valueFrom:
                secretKeyRef:
                  name: {{ $root.Values.alerts.existingSecret }}
                  key: EGRESS_DIAG_ALERTS_TOKEN
            {{- end }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- if .http }}
          ports:
            - name: http
              containerPort: 3000
            - name: metrics
              containerPort: 3001
          startupProbe:
            tcpSocket: {port: metrics}
            periodSeconds: 2
            failureThreshold: 30
          # 503 while Socket Mode is disconnected; the kubelet restarts the container after five minutes.
          livenessProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 30
            timeoutSeconds: 5
            failureThreshold: 10
          readinessProbe:
            httpGet: {path: /readyz, port: metrics}
            periodSeconds: 10
            timeoutSeconds: 3
          {{- else }}
          ports:
            - name: metrics
              containerPort: 9090
          {{- include "egress-diag.heartbeatProbes" $root | nindent 10 }}
          {{- end }}
          resources: {{- toYaml $values.resources | nindent 12 }}
          securityContext: {{- include "egress-diag.containerSecurity" $root | nindent 12 }}
          volumeMounts:
            {{- include "egress-diag.mounts" $root | nindent 12 }}
            {{- if .kubeconfig }}
            - name: kubeconfig
              mountPath: /etc/egress-diag-kubeconfig
              readOnly: true
            {{- end }}
      volumes:
        {{- include "egress-diag.volumes" $root | nindent 8 }}
        {{- with .kubeconfig }}
        - name: kubeconfig
          secret:
            secretName: {{ . }}
        {{- end }}
{{- end -}}
