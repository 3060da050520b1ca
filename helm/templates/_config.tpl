{{/* What the daemon is told: its file, its environment, and where both and the secrets are mounted. */}}

{{/* The sandbox listens on the pod's loopback, the only place where syncd talks plain http. */}}
{{- define "syncd.sandboxUrl" -}}http://127.0.0.1:8900{{- end -}}

{{/* Where people open the console: as the configuration has it, else by the ingress, else nothing. */}}
{{- define "syncd.publicUrl" -}}
{{- $given := dig "http" "public_url" "" .Values.config -}}
{{- if $given -}}{{ $given }}
{{- else if .Values.ingress.enabled -}}{{ ternary "https" "http" (ne .Values.ingress.tlsSecret "") }}://{{ .Values.ingress.host }}
{{- end -}}
{{- end -}}

{{- define "syncd.config" -}}
{{- $secrets := "/run/secrets/syncd" -}}
{{- $config := deepCopy .Values.config -}}
{{- $linkedin := default dict $config.linkedin -}}
{{- $http := default dict $config.http -}}
{{- $members := list -}}
{{- range .Values.members -}}
{{- $member := dict "key" .key -}}
{{- if .clientId }}{{ $_ := set $member "client_id" .clientId }}{{ end -}}
{{- if .application }}{{ $_ := set $member "application" .application }}{{ end -}}
{{- $folder := printf "%s/members/%s" $secrets .key -}}
{{- range .keys }}{{ $_ := set $member (printf "%s_file" .) (printf "%s/%s" $folder .) }}{{ end -}}
{{- $members = append $members $member -}}
{{- end -}}
{{- if .Values.sandbox.enabled -}}
{{- $members = list (dict "key" "sandbox" "access_token_file" (printf "%s/members/sandbox/access_token" $secrets)) -}}
{{- $_ := set $linkedin "base_url" (printf "%s/rest" (include "syncd.sandboxUrl" .)) -}}
{{- $_ := set $linkedin "oauth_url" (printf "%s/oauth/v2" (include "syncd.sandboxUrl" .)) -}}
{{- if not $linkedin.source_platform }}{{ $_ := set $linkedin "source_platform" "SYNCD_TRIAL" }}{{ end -}}
{{- if not $config.segments -}}
{{- $_ := set $config "segments" (list (dict "key" "trial-signups" "name" "Trial sign-ups" "kind" "user" "account" "urn:li:sponsoredAccount:123456" "member" "sandbox")) -}}
{{- end -}}
{{- end -}}
{{- range $config.segments -}}
{{- if .source }}{{ $_ := set .source "database_url_file" (printf "%s/sources/%s" $secrets .key) }}{{ end -}}
{{- end -}}
{{- if or .Values.linkedinCa.existingConfigMap .Values.linkedinCa.existingSecret -}}
{{- $_ := set $linkedin "ca_file" "/etc/syncd/linkedin-ca.pem" -}}
{{- end -}}
{{- with include "syncd.publicUrl" . }}{{ $_ := set $http "public_url" . }}{{ end -}}
{{- $_ := set $http "host" "0.0.0.0" -}}
{{- $_ := set $http "port" 8080 -}}
{{- $metrics := merge (dict "host" "0.0.0.0" "port" 9090) (default dict $config.metrics) -}}
{{- $_ := set $config "linkedin" $linkedin -}}
{{- $_ := set $config "http" $http -}}
{{- $_ := set $config "metrics" $metrics -}}
{{- $_ := set $config "members" $members -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Only what finds the database: the environment of a migration. `.url` names the Secret's key where there is one. */}}
{{- define "syncd.databaseEnv" -}}
{{- if .Values.trialPostgresql.enabled }}
- name: SYNCD_DATABASE_URL
  value: postgresql+asyncpg://syncd@{{ include "syncd.fullname" . }}-postgresql/syncd
{{- else if .Values.sqlite.enabled }}
- name: SYNCD_DATABASE_URL
  value: sqlite+aiosqlite:////var/lib/syncd/syncd.db
{{- else }}
- name: SYNCD_DATABASE_URL_FILE
  value: /run/secrets/syncd/database_url
{{- end }}
{{- if or .Values.databaseCa.existingConfigMap .Values.databaseCa.existingSecret }}
- name: PGSSLROOTCERT
  value: /etc/syncd/database-ca.pem
{{- end }}
{{- end -}}

{{- define "syncd.env" -}}
- name: SYNCD_CONFIG
  value: /etc/syncd/syncd.yaml
{{- include "syncd.databaseEnv" . }}
{{- range $name, $secret := omit .Values.secrets "database_url" }}
- name: SYNCD_{{ upper $name }}_FILE
  value: /run/secrets/syncd/{{ $name }}
{{- end }}
{{- end -}}

{{- define "syncd.mounts" -}}
- {name: config, mountPath: /etc/syncd, readOnly: true}
- {name: secrets, mountPath: /run/secrets/syncd, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- if .Values.sqlite.enabled }}
- {name: data, mountPath: /var/lib/syncd}
{{- end }}
{{- end -}}

{{- define "syncd.caSource" -}}
{{- if .ca.existingConfigMap }}
- configMap:
    name: {{ .ca.existingConfigMap }}
    items: [{key: {{ .ca.key | quote }}, path: {{ .path }}}]
{{- else if .ca.existingSecret }}
- secret:
    name: {{ .ca.existingSecret }}
    items: [{key: {{ .ca.key | quote }}, path: {{ .path }}}]
{{- end }}
{{- end -}}

{{/* Readable by the pod's group alone: 288 is 0440. Files follow their Secret, as nothing is mounted by subPath. */}}
{{- define "syncd.volumes" -}}
- name: config
  projected:
    sources:
      - configMap:
          name: {{ include "syncd.fullname" . }}
          items: [{key: syncd.yaml, path: syncd.yaml}]
      {{- include "syncd.caSource" (dict "ca" .Values.linkedinCa "path" "linkedin-ca.pem") | indent 6 }}
      {{- include "syncd.caSource" (dict "ca" .Values.databaseCa "path" "database-ca.pem") | indent 6 }}
- name: secrets
  projected:
    defaultMode: 288
    sources:
      {{- if not (or .Values.secrets .Values.members .Values.sandbox.enabled) }} []{{ end }}
      {{- range $name, $secret := .Values.secrets }}
      - secret:
          name: {{ $secret.existingSecret }}
          items: [{key: {{ $secret.key | quote }}, path: {{ $name }}}]
      {{- end }}
      {{- range $member := .Values.members }}
      - secret:
          name: {{ $member.existingSecret }}
          items:
            {{- range $member.keys }}
            - {key: {{ . }}, path: members/{{ $member.key }}/{{ . }}}
            {{- end }}
      {{- end }}
      {{- range $source := .Values.sources }}
      - secret:
          name: {{ $source.existingSecret }}
          items:
            {{- range $source.segments }}
            - {key: {{ $source.key | quote }}, path: sources/{{ . }}}
            {{- end }}
      {{- end }}
      {{- if .Values.sandbox.enabled }}
      - configMap:
          name: {{ include "syncd.fullname" . }}
          items: [{key: sandbox-token, path: members/sandbox/access_token}]
      {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 128Mi}
{{- end -}}

{{/* The database's URL of the role that may change the schema, and nothing else. */}}
{{- define "syncd.migrationVolumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 16Mi}
{{- if .Values.secrets.database_url }}
- name: secrets
  projected:
    defaultMode: 288
    sources:
      - secret:
          name: {{ .Values.migration.existingSecret }}
          items: [{key: {{ .Values.migration.key | quote }}, path: database_url}]
{{- end }}
{{- if or .Values.databaseCa.existingConfigMap .Values.databaseCa.existingSecret }}
- name: config
  projected:
    sources:
      {{- include "syncd.caSource" (dict "ca" .Values.databaseCa "path" "database-ca.pem") | indent 6 }}
{{- end }}
{{- end -}}

{{- define "syncd.migrationMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.secrets.database_url }}
- {name: secrets, mountPath: /run/secrets/syncd, readOnly: true}
{{- end }}
{{- if or .Values.databaseCa.existingConfigMap .Values.databaseCa.existingSecret }}
- {name: config, mountPath: /etc/syncd, readOnly: true}
{{- end }}
{{- end -}}
