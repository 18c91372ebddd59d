// An OpenTelemetry set-up as a user has it: `node --import ./otlp.mjs dist/cli.js serve`. It runs in every thread.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

// The address is OTEL_EXPORTER_OTLP_ENDPOINT.
const exporter = new OTLPTraceExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
