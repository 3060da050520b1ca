{{/* The restricted Pod Security Standard in full, and beyond it: no token of the API server, nothing to write to. */}}

{{- define "syncd.pod" -}}
serviceAccountName: {{ include "syncd.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "syncd.container" -}}
image: {{ include "syncd.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- include "syncd.containerSecurity" . | nindent 2 }}
{{- end -}}

{{- define "syncd.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* What runs once and ends. */}}
{{- define "syncd.smallResources" -}}
requests: {cpu: 50m, memory: 128Mi, ephemeral-storage: 16Mi}
limits: {memory: 256Mi, ephemeral-storage: 64Mi}
{{- end -}}
