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

{{/* Values that an earlier version of the chart did not have are absent after an upgrade with --reuse-values. */}}

{{/* Not empty if connections to the chart's collector are not encrypted. */}}
{{- define "scriptwatch.plaintext" -}}
{{- if .Values.collector.plaintext }}yes{{ end -}}
{{- end }}

{{/* Where sensors deliver when it is not the chart's collector. */}}
{{- define "scriptwatch.elsewhere" -}}
{{ default .Values.collector.url .Values.sensor.config.collector }}
{{- end }}

{{- define "scriptwatch.collectorUrl" -}}
{{- if include "scriptwatch.elsewhere" . -}}
{{ include "scriptwatch.elsewhere" . }}
{{- else if .Values.collector.enabled -}}
{{ ternary "http" "https" (eq (include "scriptwatch.plaintext" .) "yes") }}://{{ include "scriptwatch.name" . }}-collector.{{ .Release.Namespace }}.svc:{{ .Values.collector.port }}
{{- end -}}
{{- end }}

{{/* Where the collector's certificate comes from: made, issued, given; empty without one. */}}
{{- define "scriptwatch.certificate" -}}
{{- with .Values.collector -}}
{{- $ways := list (ternary "plaintext" "" (eq (include "scriptwatch.plaintext" $) "yes")) (ternary "tls.secretName" "" (ne .tls.secretName "")) (ternary "tls.issuerRef" "" (not (empty .tls.issuerRef))) | compact -}}
{{- if gt (len $ways) 1 }}{{ fail (printf "collector.%s contradict each other: give one of them" (join " and collector." $ways)) }}{{ end -}}
{{- if and .plaintext .tls.clientCertificates }}{{ fail "collector.plaintext and collector.tls.clientCertificates contradict each other" }}{{ end -}}
{{- if or (not .enabled) .plaintext -}}
{{- else if .tls.secretName -}}
given
{{- else if .tls.issuerRef -}}
issued
{{- else -}}
{{- if .tls.clientCertificates }}{{ fail "collector.tls.clientCertificates needs the sensors' authority: give collector.tls.secretName, or collector.tls.issuerRef" }}{{ end -}}
{{- if and $.Values.sensor.tls.secretName (not (include "scriptwatch.elsewhere" $)) }}{{ fail "sensor.tls.secretName names an authority, and the chart would make the collector's certificate by another: give collector.tls.secretName, too, or neither" }}{{ end -}}
made
{{- end -}}
{{- end -}}
{{- end }}

{{/* Likewise, if sensors trust it because the chart says so. */}}
{{- define "scriptwatch.authority" -}}
{{- $certificate := include "scriptwatch.certificate" . -}}
{{- if not (or .Values.sensor.tls.secretName .Values.sensor.config.tls_ca (include "scriptwatch.elsewhere" .) (eq $certificate "given")) }}{{ $certificate }}{{ end -}}
{{- end }}

{{- define "scriptwatch.certificateSecret" -}}
{{ default (printf "%s-collector-tls" (include "scriptwatch.name" .)) .Values.collector.tls.secretName }}
{{- end }}

{{/* Not empty if sensors show a token of their node. */}}
{{- define "scriptwatch.nodeTokens" -}}
{{- $url := include "scriptwatch.collectorUrl" . -}}
{{- $encrypted := and (ne $url "") (not (contains "http:" $url)) -}}
{{- $asked := .Values.collector.nodeTokens -}}
{{- if or (kindIs "invalid" $asked) (eq (toString $asked) "auto") -}}
{{- /* Who has certificates of nodes keeps them. */}}
{{- $certified := or .Values.collector.tls.clientCertificates .Values.sensor.config.tls_cert .Values.sensor.tls.identity -}}
{{- if and $encrypted (not $certified) (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}yes{{ end -}}
{{- else if $asked -}}
{{- if not $encrypted }}{{ fail "collector.nodeTokens: tokens are not sent unencrypted" }}{{ end -}}
yes
{{- end -}}
{{- end }}

{{- define "scriptwatch.tokenAudience" -}}
{{ default "scriptwatch-collector" .Values.collector.tokenAudience }}
{{- end }}

{{/* Not empty if the chart's collector checks tokens. */}}
{{- define "scriptwatch.checksTokens" -}}
{{- if not (include "scriptwatch.plaintext" .) }}{{ include "scriptwatch.nodeTokens" . }}{{ end -}}
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
