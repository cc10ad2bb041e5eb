{{- /* Copyright The heapgate authors
SPDX-License-Identifier: Apache-2.0

The pod template, once: the Deployment and the gate's candidate both include it, so that the gate sees what will be deployed. */ -}}
{{- define "heapgate.candidate" -}}
metadata:
  labels:
    app.kubernetes.io/name: shop
  annotations:
    heapgate.dev/scrape: "true"
spec:
  automountServiceAccountToken: false
  containers:
    - name: shop
      image: {{ .Values.image }}
      ports:
        - name: http
          containerPort: 8080
        - name: pprof
          containerPort: 6060
      env:
        - name: GOMEMLIMIT
          value: 460MiB
      resources:
        requests:
          cpu: 100m
          memory: 512Mi
        limits:
          memory: 512Mi
{{- end -}}
