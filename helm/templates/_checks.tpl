{{/* What the schema cannot say: values that contradict each other, each told in one sentence that says what to do. */}}

{{- define "syncd.memberCount" -}}
{{- ternary 1 (len .Values.members) .Values.sandbox.enabled -}}
{{- end -}}

{{/* How many replicas there can be: the number, or the most an autoscaler may choose. */}}
{{- define "syncd.mostReplicas" -}}
{{- if .Values.autoscaling.enabled -}}{{ .Values.autoscaling.maxReplicas }}
{{- else if .Values.keda.enabled -}}{{ .Values.keda.maxReplicas }}
{{- else -}}{{ .Values.replicas }}{{- end -}}
{{- end -}}

{{- define "syncd.check" -}}
{{- $members := include "syncd.memberCount" . | int -}}
{{- $replicas := include "syncd.mostReplicas" . | int -}}
{{- $databases := list -}}
{{- if .Values.secrets.database_url }}{{ $databases = append $databases "secrets.database_url" }}{{ end -}}
{{- if .Values.sqlite.enabled }}{{ $databases = append $databases "sqlite.enabled" }}{{ end -}}
{{- if .Values.trialPostgresql.enabled }}{{ $databases = append $databases "trialPostgresql.enabled" }}{{ end -}}
{{- if not .Values.image.repository }}
{{- fail "image.repository: say where your registry has the image that `make image` built" }}
{{- end }}
{{- if and .Values.sandbox.enabled .Values.members }}
{{- fail "sandbox.enabled brings a member of its own, `sandbox`: leave members empty, or turn the sandbox off" }}
{{- end }}
{{- if lt $members 1 }}
{{- fail "members: name at least one, with its key and the Secret that holds its tokens; for a trial set sandbox.enabled" }}
{{- end }}
{{- if gt $replicas $members }}
{{- fail (printf "%d replicas for %d members: a member has one owner, so more replicas than members cannot help; lower replicas (or maxReplicas) to %d, or add members" $replicas $members $members) }}
{{- end }}
{{- if ne (len $databases) 1 }}
{{- fail (printf "set exactly one of secrets.database_url, sqlite.enabled and trialPostgresql.enabled; set are: %s" (default "none" (join ", " $databases))) }}
{{- end }}
{{- range $name := list "autoscaling" "keda" }}
{{- $scaler := index $.Values $name }}
{{- if and $scaler.enabled (gt (int $scaler.minReplicas) (int $scaler.maxReplicas)) }}
{{- fail (printf "%s.minReplicas is %d and above maxReplicas, %d: raise the one or lower the other" $name (int $scaler.minReplicas) (int $scaler.maxReplicas)) }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled }}
{{- fail "autoscaling.enabled and keda.enabled would both set the number of replicas: keep one" }}
{{- end }}
{{- if and .Values.sqlite.enabled (or (ne $replicas 1) .Values.autoscaling.enabled .Values.keda.enabled) }}
{{- fail "sqlite.enabled: its file has one daemon; set replicas to 1 without an autoscaler, or use PostgreSQL" }}
{{- end }}
{{- if and .Values.sandbox.enabled (or (ne $replicas 1) .Values.autoscaling.enabled .Values.keda.enabled) }}
{{- fail "sandbox.enabled: each pod has a sandbox of its own; set replicas to 1 without an autoscaler" }}
{{- end }}
{{- if and .Values.sqlite.enabled (or .Values.pause.members .Values.pause.segments) }}
{{- fail "pause.members, pause.segments: no Job reaches the file of sqlite.enabled; set pause.everything, or pause them by `syncd members pause` and `syncd segments pause` in the pod" }}
{{- end }}
{{- if and .Values.secrets.database_url .Values.migration.enabled (not .Values.migration.existingSecret) }}
{{- fail "migration.existingSecret: name the Secret with the URL of the role that may change the schema; or set migration.enabled to false and run `syncd migrate` yourself" }}
{{- end }}
{{- if and .Values.trialPostgresql.enabled (not .Values.networkPolicy.enabled) }}
{{- fail "trialPostgresql.enabled: it knows no password, so only the policies guard it; leave networkPolicy.enabled true" }}
{{- end }}
{{- $keys := list }}
{{- range .Values.members }}
{{- if has .key $keys }}
{{- fail (printf "members: %s stands there twice" .key) }}
{{- end }}
{{- $keys = append $keys .key }}
{{- if and (has "refresh_token" .keys) (not (and .clientId (has "client_secret" .keys) $.Values.secrets.secret_keys)) }}
{{- fail (printf "members: %s has a refresh_token, so it needs clientId, the key client_secret, and secrets.secret_keys, which seal what is refreshed" .key) }}
{{- end }}
{{- if not (or (has "refresh_token" .keys) (has "access_token" .keys)) }}
{{- fail (printf "members: %s needs access_token or refresh_token among its keys" .key) }}
{{- end }}
{{- end }}
{{- range .Values.pause.members }}
{{- if and (not (has . $keys)) (not (and $.Values.sandbox.enabled (eq . "sandbox"))) }}
{{- fail (printf "pause.members: %s is none of members, so its Job would pause nobody; correct it" .) }}
{{- end }}
{{- end }}
{{- $segments := list }}
{{- range .Values.config.segments }}
{{- if has .key $segments }}
{{- fail (printf "config.segments: %s stands there twice" .key) }}
{{- end }}
{{- $segments = append $segments .key }}
{{- if and (not $.Values.sandbox.enabled) (not (has .member $keys)) }}
{{- fail (printf "config.segments: %s names member %s, which members does not declare" .key .member) }}
{{- end }}
{{- end }}
{{- $read := list }}
{{- range .Values.sources }}
{{- range .segments }}
{{- if has . $read }}
{{- fail (printf "sources: segment %s stands there twice" .) }}
{{- end }}
{{- $read = append $read . }}
{{- end }}
{{- end }}
{{- $asking := list }}
{{- range .Values.config.segments }}
{{- if .source }}
{{- $asking = append $asking .key }}
{{- if not (has .key $read) }}
{{- fail (printf "config.segments: %s has a source, so sources must name the Secret that holds the URL of its database" .key) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $read }}
{{- if not (has . $asking) }}
{{- fail (printf "sources: segment %s has no source in config.segments; give it one with a query" .) }}
{{- end }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
{{- fail "ingress.host: say under which name people open the console" }}
{{- end }}
{{- if and .Values.keda.enabled (eq .Values.keda.scaler "prometheus") (not .Values.keda.prometheus.serverAddress) }}
{{- fail "keda.prometheus.serverAddress: say where KEDA finds Prometheus" }}
{{- end }}
{{- if and .Values.keda.enabled (eq .Values.keda.scaler "postgresql") (not .Values.keda.postgresql.existingSecret) }}
{{- fail "keda.postgresql.existingSecret: name the Secret with the connection string that KEDA counts the outbox by" }}
{{- end }}
{{- if and (dig "oidc" "issuer" "" .Values.config) (not (and (dig "oidc" "client_id" "" .Values.config) .Values.secrets.oidc__client_secret)) }}
{{- fail "config.oidc.issuer: needs config.oidc.client_id and secrets.oidc__client_secret beside it" }}
{{- end }}
{{- if and (dig "alerts" "webhook_url" "" .Values.config) (not .Values.secrets.alerts__secret) }}
{{- fail "config.alerts.webhook_url: needs secrets.alerts__secret, which signs what is posted there" }}
{{- end }}
{{- $direct := list }}
{{- if dig "oidc" "issuer" "" .Values.config }}{{ $direct = append $direct "config.oidc.issuer" }}{{ end }}
{{- if dig "alerts" "webhook_url" "" .Values.config }}{{ $direct = append $direct "config.alerts.webhook_url" }}{{ end }}
{{- if and $direct .Values.networkPolicy.enabled .Values.networkPolicy.proxy.to (not .Values.networkPolicy.direct.to) }}
{{- fail (printf "networkPolicy.direct.to: say where %s is; it is not reached through the proxy, which is the only way out otherwise" (join " and " $direct)) }}
{{- end }}
{{- if and (or .Values.dashboards.enabled .Values.metrics.prometheusRule.enabled) (not .Values.links.runbook) }}
{{- fail "links.runbook: say where your people read docs/runbook.md; alerts and dashboards lead there" }}
{{- end }}
{{- if and .Values.dashboards.enabled (not .Values.links.console) (not (include "syncd.publicUrl" .)) }}
{{- fail "links.console: say where your people open the console; dashboards lead there, and there is no ingress" }}
{{- end }}
{{- range $name := list "linkedinCa" "databaseCa" }}
{{- $ca := index $.Values $name }}
{{- if and $ca.existingConfigMap $ca.existingSecret }}
{{- fail (printf "%s: set existingConfigMap or existingSecret, not both" $name) }}
{{- end }}
{{- end }}
{{- end -}}
