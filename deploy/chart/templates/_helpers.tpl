{{/* What the names of all resources begin with. */}}
{{- define "scriptwatch.name" -}}
{{ default .Release.Name .Values.nameOverride }}
{{- end }}

{{- define "scriptwatch.labels" -}}
app.kubernetes.io/name: scriptwatch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "scriptwatch.selector" -}}
app.kubernetes.io/name: scriptwatch
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "scriptwatch.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end }}

{{- define "scriptwatch.capabilities" -}}
{{- $minimum := ternary (list "SYS_ADMIN") (list "BPF" "PERFMON") (and .Values.sensor.shellProbes (default false .Values.sensor.olderKernels)) -}}
{{- $minimum = concat $minimum (list "SYS_PTRACE" "DAC_READ_SEARCH") -}}
{{- $all := default $minimum .Values.sensor.capabilities -}}
{{- if has .Values.sensor.respond (list "kill" "hold") }}{{ $all = append $all "KILL" | uniq }}{{ end -}}
{{- $all | toYaml -}}
{{- end }}

{{- define "scriptwatch.collectorUrl" -}}
{{- if .Values.collector.url -}}
{{ .Values.collector.url }}
{{- else if .Values.collector.enabled -}}
{{ ternary "https" "http" (not (empty .Values.collector.tls.secretName)) }}://{{ include "scriptwatch.name" . }}-collector.{{ .Release.Namespace }}.svc:{{ .Values.collector.port }}
{{- end -}}
{{- end }}

{{/* A rule that lets names be resolved. */}}
{{- define "scriptwatch.names" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
    {{- if ne (toString .Values.networkPolicy.lookUpKubeDns) "false" }}
    {{- with (lookup "v1" "Service" "kube-system" "kube-dns").spec }}
    {{- if and .clusterIP (ne .clusterIP "None") }}
    # NodeLocal DNSCache answers at the service's own address.
    - ipBlock:
        cidr: {{ .clusterIP }}/{{ ternary "128" "32" (contains ":" .clusterIP) }}
    {{- end }}
    {{- end }}
    {{- end }}
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}
