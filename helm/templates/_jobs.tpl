{{/* What the Jobs are. A Job never changes, so its name has a digest of all of this: whatever value changes it makes another. */}}

{{- define "syncd.migrationJob" -}}
backoffLimit: 20
ttlSecondsAfterFinished: 604800
template:
  metadata:
    labels: {{- include "syncd.labels" . | nindent 6 }}
      app.kubernetes.io/component: migrate
  spec: {{- include "syncd.pod" . | nindent 4 }}
    restartPolicy: OnFailure
    containers:
      - name: migrate
        {{- include "syncd.container" . | nindent 8 }}
        args: [migrate]
        env: {{- include "syncd.databaseEnv" . | nindent 10 }}
        resources: {{- include "syncd.smallResources" . | nindent 10 }}
        volumeMounts: {{- include "syncd.migrationMounts" . | nindent 10 }}
    volumes: {{- include "syncd.migrationVolumes" . | nindent 6 }}
{{- end -}}

{{- define "syncd.pauseJob" -}}
{{- $switches := list }}
{{- range .Values.pause.members }}{{ $switches = append $switches (list "members" .) }}{{ end }}
{{- range .Values.pause.segments }}{{ $switches = append $switches (list "segments" .) }}{{ end -}}
backoffLimit: 20
ttlSecondsAfterFinished: 604800
template:
  metadata:
    labels: {{- include "syncd.labels" . | nindent 6 }}
      app.kubernetes.io/component: pause
    annotations:
      checksum/config: {{ include "syncd.config" . | sha256sum }}
  spec: {{- include "syncd.pod" . | nindent 4 }}
    restartPolicy: OnFailure
    containers:
      {{- range $number, $switch := $switches }}
      - name: {{ index $switch 0 }}-{{ $number }}
        {{- include "syncd.container" $ | nindent 8 }}
        args: [{{ index $switch 0 }}, pause, {{ index $switch 1 | quote }}]
        env: {{- include "syncd.env" $ | nindent 10 }}
        resources: {{- include "syncd.smallResources" $ | nindent 10 }}
        volumeMounts: {{- include "syncd.mounts" $ | nindent 10 }}
      {{- end }}
    volumes: {{- include "syncd.volumes" . | nindent 6 }}
{{- end -}}
