{{- /* The settings of the installation, as the operator reads them. */ -}}
{{- define "slipway.environment" -}}
- {name: SLIPWAY_PROMETHEUS, value: {{ .Values.prometheus.url | quote }}}
- {name: SLIPWAY_MLFLOW, value: {{ .Values.mlflow.url | quote }}}
{{- with .Values.mlflow.secretName }}
- {name: SLIPWAY_MLFLOW_SECRET, value: {{ . | quote }}}
- {name: MLFLOW_TRACKING_USERNAME, valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: username}}}
- {name: MLFLOW_TRACKING_PASSWORD, valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: password}}}
{{- end }}
- {name: SLIPWAY_BUILDER_IMAGE, value: {{ .Values.images.builder | quote }}}
- {name: SLIPWAY_BUILDAH_IMAGE, value: {{ .Values.images.buildah | quote }}}
- {name: SLIPWAY_BUILDAH_SECCOMP_PROFILE, value: {{ .Values.images.buildahSeccompProfile | quote }}}
- {name: SLIPWAY_PIPELINES_IMAGE, value: {{ .Values.images.pipelines | quote }}}
- {name: SLIPWAY_BASE_IMAGE, value: {{ .Values.images.base | quote }}}
- {name: SLIPWAY_REGISTRY, value: {{ .Values.registry.default | quote }}}
- {name: SLIPWAY_REGISTRY_PLAIN_HTTP, value: {{ .Values.registry.plainHTTP | quote }}}
{{- with .Values.servedPods.networkPolicy }}
{{- if .enabled }}
- {name: SLIPWAY_SERVING_EGRESS, value: {{ toJson (dict "storePorts" .storePorts "egress" .egress) | quote }}}
{{- end }}
{{- end }}
- {name: SLIPWAY_READ_SECRETS, value: {{ .Values.secrets.read | quote }}}
{{- with .Values.metricTemplates.secrets }}
- {name: SLIPWAY_METRIC_SECRETS, value: {{ join "," . | quote }}}
{{- end }}
- {name: SLIPWAY_DIGEST_KEY, value: {{ include "slipway.fullname" . }}-digest-key}
- {name: SLIPWAY_OUTBOUND_ALLOW, value: {{ join "," .Values.outbound.allow | quote }}}
- {name: SLIPWAY_OUTBOUND_DENY, value: {{ join "," .Values.outbound.deny | quote }}}
- {name: SLIPWAY_NAMESPACES, value: {{ join "," .Values.namespaces | quote }}}
- {name: SLIPWAY_LOG_LEVEL, value: {{ .Values.logLevel | quote }}}
- {name: SLIPWAY_LEASE_NAMESPACE, value: {{ .Release.Namespace | quote }}}
{{- if .Values.webhook.enabled }}
- {name: SLIPWAY_WEBHOOK_CERT, value: /etc/slipway/webhook/tls.crt}
- {name: SLIPWAY_WEBHOOK_KEY, value: /etc/slipway/webhook/tls.key}
{{- end }}
{{- end -}}
