{{- define "labels" -}}
app.kubernetes.io/name: {{ .part }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}
{{- define "bounds" -}}
resources:
  limits: {memory: {{ .memory }}, cpu: {{ .cpu | quote }}}
  requests: {memory: {{ .memory }}, cpu: 250m}
{{- end }}
{{- define "closed" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}
{{- define "account" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "claim" -}}
metadata: {name: {{ .name }}}
spec:
  accessModes: [ReadWriteOnce]
  {{- with .root.Values.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources: {requests: {storage: {{ index .root.Values.sizes .name }}}}
{{- end }}
