{{/* A pod's spec, without its containers' commands: the probe and its test are the same but for these. */}}
{{- define "mailprobe.podSpec" -}}
serviceAccountName: {{ include "mailprobe.serviceAccountName" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraInitContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  {{- include "mailprobe.volumes" . | nindent 2 }}
{{- end }}

{{- define "mailprobe.container" -}}
image: {{ include "mailprobe.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "mailprobe.volumeMounts" . | nindent 2 }}
{{- end }}

{{- define "mailprobe.env" -}}
{{- if .Values.kerberos.existingConfigMap }}
- name: KRB5_CONFIG
  value: /etc/mailprobe-krb5/krb5.conf
- name: KRB5CCNAME
  value: DIR:/run/mailprobe
{{- end }}
{{- with .Values.kerberos.keytabFile }}
- name: KRB5_CLIENT_KTNAME
  value: {{ . }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "mailprobe.volumes" -}}
- name: config
  projected:
    defaultMode: 0440
    sources:
      {{- if .Values.existingSecret }}
      - secret:
          name: {{ .Values.existingSecret }}
          items: [{ key: {{ .Values.configKey | quote }}, path: mailprobe.yaml }]
      {{- else if .Values.existingConfigMap }}
      - configMap:
          name: {{ .Values.existingConfigMap }}
          items: [{ key: {{ .Values.configKey | quote }}, path: mailprobe.yaml }]
      {{- else if .Values.secretConfig }}
      - secret:
          name: {{ include "mailprobe.fullname" . }}
      {{- end }}
      - configMap:
          name: {{ include "mailprobe.fullname" . }}
{{- if or .Values.fleetKey.existingSecret .Values.credentials }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- with .Values.fleetKey }}
      {{- if .existingSecret }}
      - secret:
          name: {{ .existingSecret }}
          items:
            - key: {{ .key | quote }}
              path: fleet-key
            {{- range .accept }}
            - key: {{ . | quote }}
              path: fleet-key-{{ . }}
            {{- end }}
      {{- end }}
      {{- end }}
      {{- range .Values.credentials }}
      - secret:
          name: {{ .secretName }}
          {{- with .items }}
          items:
            {{- toYaml . | nindent 12 }}
          {{- end }}
      {{- end }}
{{- end }}
{{- with .Values.caBundle.existingConfigMap }}
- name: ca
  configMap:
    name: {{ . }}
    items: [{ key: {{ $.Values.caBundle.key | quote }}, path: ca.crt }]
{{- end }}
{{- with .Values.caBundle.existingSecret }}
- name: ca
  secret:
    secretName: {{ . }}
    items: [{ key: {{ $.Values.caBundle.key | quote }}, path: ca.crt }]
{{- end }}
{{- with .Values.webConfig.existingSecret }}
- name: web
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with .Values.kerberos.existingConfigMap }}
- name: krb5
  configMap:
    name: {{ . }}
    items: [{ key: {{ $.Values.kerberos.key | quote }}, path: krb5.conf }]
- name: tickets
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "mailprobe.volumeMounts" -}}
- name: config
  mountPath: /etc/mailprobe
  readOnly: true
{{- if or .Values.fleetKey.existingSecret .Values.credentials }}
- name: secrets
  mountPath: /run/secrets/mailprobe
  readOnly: true
{{- end }}
{{- if include "mailprobe.hasCa" . }}
- name: ca
  mountPath: /etc/mailprobe-ca
  readOnly: true
{{- end }}
{{- if .Values.webConfig.existingSecret }}
- name: web
  mountPath: /etc/mailprobe-web
  readOnly: true
{{- end }}
{{- if .Values.kerberos.existingConfigMap }}
- name: krb5
  mountPath: /etc/mailprobe-krb5
  readOnly: true
- name: tickets
  mountPath: /run/mailprobe
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
