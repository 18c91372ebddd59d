// Generated from protos/ by ts/codec/generate.mjs. Do not edit.
import type { INamespace } from 'protobufjs';

export const descriptor = JSON.parse(`{
 "nested": {
  "google": {
   "nested": {
    "protobuf": {
     "nested": {
      "Any": {
       "fields": {
        "type_url": {
         "id": 1,
         "type": "string"
        },
        "value": {
         "id": 2,
         "type": "bytes"
        }
       }
      },
      "BoolValue": {
       "fields": {
        "value": {
         "id": 1,
         "type": "bool"
        }
       }
      },
      "Int32Value": {
       "fields": {
        "value": {
         "id": 1,
         "type": "int32"
        }
       }
      },
      "Int64Value": {
       "fields": {
        "value": {
         "id": 1,
         "type": "int64"
        }
       }
      },
      "StringValue": {
       "fields": {
        "value": {
         "id": 1,
         "type": "string"
        }
       }
      }
     }
    }
   }
  },
  "grpc": {
   "nested": {
    "health": {
     "nested": {
      "v1": {
       "nested": {
        "Health": {
         "methods": {
          "Check": {
           "requestType": "HealthCheckRequest",
           "responseType": "HealthCheckResponse"
          },
          "Watch": {
           "requestType": "HealthCheckRequest",
           "responseStream": true,
           "responseType": "HealthCheckResponse"
          }
         }
        },
        "HealthCheckRequest": {
         "fields": {
          "service": {
           "id": 1,
           "type": "string"
          }
         }
        },
        "HealthCheckResponse": {
         "fields": {
          "status": {
           "id": 1,
           "type": "ServingStatus"
          }
         },
         "nested": {
          "ServingStatus": {
           "values": {
            "UNKNOWN": 0,
            "SERVING": 1,
            "NOT_SERVING": 2,
            "SERVICE_UNKNOWN": 3
           }
          }
         }
        }
       }
      }
     }
    },
    "reflection": {
     "nested": {
      "v1": {
       "nested": {
        "ErrorResponse": {
         "fields": {
          "errorCode": {
           "id": 1,
           "protoName": "error_code",
           "type": "int32"
          },
          "errorMessage": {
           "id": 2,
           "protoName": "error_message",
           "type": "string"
          }
         }
        },
        "ExtensionNumberResponse": {
         "fields": {
          "baseTypeName": {
           "id": 1,
           "protoName": "base_type_name",
           "type": "string"
          },
          "extensionNumber": {
           "id": 2,
           "protoName": "extension_number",
           "rule": "repeated",
           "type": "int32"
          }
         }
        },
        "ExtensionRequest": {
         "fields": {
          "containingType": {
           "id": 1,
           "protoName": "containing_type",
           "type": "string"
          },
          "extensionNumber": {
           "id": 2,
           "protoName": "extension_number",
           "type": "int32"
          }
         }
        },
        "FileDescriptorResponse": {
         "fields": {
          "fileDescriptorProto": {
           "id": 1,
           "protoName": "file_descriptor_proto",
           "rule": "repeated",
           "type": "bytes"
          }
         }
        },
        "ListServiceResponse": {
         "fields": {
          "service": {
           "id": 1,
           "rule": "repeated",
           "type": "ServiceResponse"
          }
         }
        },
        "ServerReflection": {
         "methods": {
          "ServerReflectionInfo": {
           "requestStream": true,
           "requestType": "ServerReflectionRequest",
           "responseStream": true,
           "responseType": "ServerReflectionResponse"
          }
         }
        },
        "ServerReflectionRequest": {
         "fields": {
          "allExtensionNumbersOfType": {
           "id": 6,
           "protoName": "all_extension_numbers_of_type",
           "type": "string"
          },
          "fileByFilename": {
           "id": 3,
           "protoName": "file_by_filename",
           "type": "string"
          },
          "fileContainingExtension": {
           "id": 5,
           "protoName": "file_containing_extension",
           "type": "ExtensionRequest"
          },
          "fileContainingSymbol": {
           "id": 4,
           "protoName": "file_containing_symbol",
           "type": "string"
          },
          "host": {
           "id": 1,
           "type": "string"
          },
          "listServices": {
           "id": 7,
           "protoName": "list_services",
           "type": "string"
          }
         },
         "oneofs": {
          "messageRequest": {
           "oneof": [
            "fileByFilename",
            "fileContainingSymbol",
            "fileContainingExtension",
            "allExtensionNumbersOfType",
            "listServices"
           ]
          }
         }
        },
        "ServerReflectionResponse": {
         "fields": {
          "allExtensionNumbersResponse": {
           "id": 5,
           "protoName": "all_extension_numbers_response",
           "type": "ExtensionNumberResponse"
          },
          "errorResponse": {
           "id": 7,
           "protoName": "error_response",
           "type": "ErrorResponse"
          },
          "fileDescriptorResponse": {
           "id": 4,
           "protoName": "file_descriptor_response",
           "type": "FileDescriptorResponse"
          },
          "listServicesResponse": {
           "id": 6,
           "protoName": "list_services_response",
           "type": "ListServiceResponse"
          },
          "originalRequest": {
           "id": 2,
           "protoName": "original_request",
           "type": "ServerReflectionRequest"
          },
          "validHost": {
           "id": 1,
           "protoName": "valid_host",
           "type": "string"
          }
         },
         "oneofs": {
          "messageResponse": {
           "oneof": [
            "fileDescriptorResponse",
            "allExtensionNumbersResponse",
            "listServicesResponse",
            "errorResponse"
           ]
          }
         }
        },
        "ServiceResponse": {
         "fields": {
          "name": {
           "id": 1,
           "type": "string"
          }
         }
        }
       }
      },
      "v1alpha": {
       "nested": {
        "ErrorResponse": {
         "fields": {
          "errorCode": {
           "id": 1,
           "protoName": "error_code",
           "type": "int32"
          },
          "errorMessage": {
           "id": 2,
           "protoName": "error_message",
           "type": "string"
          }
         }
        },
        "ExtensionNumberResponse": {
         "fields": {
          "baseTypeName": {
           "id": 1,
           "protoName": "base_type_name",
           "type": "string"
          },
          "extensionNumber": {
           "id": 2,
           "protoName": "extension_number",
           "rule": "repeated",
           "type": "int32"
          }
         }
        },
        "ExtensionRequest": {
         "fields": {
          "containingType": {
           "id": 1,
           "protoName": "containing_type",
           "type": "string"
          },
          "extensionNumber": {
           "id": 2,
           "protoName": "extension_number",
           "type": "int32"
          }
         }
        },
        "FileDescriptorResponse": {
         "fields": {
          "fileDescriptorProto": {
           "id": 1,
           "protoName": "file_descriptor_proto",
           "rule": "repeated",
           "type": "bytes"
          }
         }
        },
        "ListServiceResponse": {
         "fields": {
          "service": {
           "id": 1,
           "rule": "repeated",
           "type": "ServiceResponse"
          }
         }
        },
        "ServerReflection": {
         "methods": {
          "ServerReflectionInfo": {
           "requestStream": true,
           "requestType": "ServerReflectionRequest",
           "responseStream": true,
           "responseType": "ServerReflectionResponse"
          }
         }
        },
        "ServerReflectionRequest": {
         "fields": {
          "allExtensionNumbersOfType": {
           "id": 6,
           "protoName": "all_extension_numbers_of_type",
           "type": "string"
          },
          "fileByFilename": {
           "id": 3,
           "protoName": "file_by_filename",
           "type": "string"
          },
          "fileContainingExtension": {
           "id": 5,
           "protoName": "file_containing_extension",
           "type": "ExtensionRequest"
          },
          "fileContainingSymbol": {
           "id": 4,
           "protoName": "file_containing_symbol",
           "type": "string"
          },
          "host": {
           "id": 1,
           "type": "string"
          },
          "listServices": {
           "id": 7,
           "protoName": "list_services",
           "type": "string"
          }
         },
         "oneofs": {
          "messageRequest": {
           "oneof": [
            "fileByFilename",
            "fileContainingSymbol",
            "fileContainingExtension",
            "allExtensionNumbersOfType",
            "listServices"
           ]
          }
         }
        },
        "ServerReflectionResponse": {
         "fields": {
          "allExtensionNumbersResponse": {
           "id": 5,
           "protoName": "all_extension_numbers_response",
           "type": "ExtensionNumberResponse"
          },
          "errorResponse": {
           "id": 7,
           "protoName": "error_response",
           "type": "ErrorResponse"
          },
          "fileDescriptorResponse": {
           "id": 4,
           "protoName": "file_descriptor_response",
           "type": "FileDescriptorResponse"
          },
          "listServicesResponse": {
           "id": 6,
           "protoName": "list_services_response",
           "type": "ListServiceResponse"
          },
          "originalRequest": {
           "id": 2,
           "protoName": "original_request",
           "type": "ServerReflectionRequest"
          },
          "validHost": {
           "id": 1,
           "protoName": "valid_host",
           "type": "string"
          }
         },
         "oneofs": {
          "messageResponse": {
           "oneof": [
            "fileDescriptorResponse",
            "allExtensionNumbersResponse",
            "listServicesResponse",
            "errorResponse"
           ]
          }
         }
        },
        "ServiceResponse": {
         "fields": {
          "name": {
           "id": 1,
           "type": "string"
          }
         }
        }
       }
      }
     }
    }
   }
  },
  "tensorflow": {
   "nested": {
    "AllocationDescription": {
     "fields": {
      "allocatedBytes": {
       "id": 2,
       "protoName": "allocated_bytes",
       "type": "int64"
      },
      "allocationId": {
       "id": 4,
       "protoName": "allocation_id",
       "type": "int64"
      },
      "allocatorName": {
       "id": 3,
       "protoName": "allocator_name",
       "type": "string"
      },
      "hasSingleReference": {
       "id": 5,
       "protoName": "has_single_reference",
       "type": "bool"
      },
      "ptr": {
       "id": 6,
       "type": "uint64"
      },
      "requestedBytes": {
       "id": 1,
       "protoName": "requested_bytes",
       "type": "int64"
      }
     }
    },
    "AllocationRecord": {
     "fields": {
      "allocBytes": {
       "id": 2,
       "protoName": "alloc_bytes",
       "type": "int64"
      },
      "allocMicros": {
       "id": 1,
       "protoName": "alloc_micros",
       "type": "int64"
      }
     }
    },
    "AllocatorMemoryUsed": {
     "fields": {
      "allocationRecords": {
       "id": 6,
       "protoName": "allocation_records",
       "rule": "repeated",
       "type": "AllocationRecord"
      },
      "allocatorBytesInUse": {
       "id": 5,
       "protoName": "allocator_bytes_in_use",
       "type": "int64"
      },
      "allocatorName": {
       "id": 1,
       "protoName": "allocator_name",
       "type": "string"
      },
      "liveBytes": {
       "id": 4,
       "protoName": "live_bytes",
       "type": "int64"
      },
      "peakBytes": {
       "id": 3,
       "protoName": "peak_bytes",
       "type": "int64"
      },
      "totalBytes": {
       "id": 2,
       "protoName": "total_bytes",
       "type": "int64"
      }
     }
    },
    "AttrValue": {
     "fields": {
      "b": {
       "id": 5,
       "type": "bool"
      },
      "f": {
       "id": 4,
       "type": "float"
      },
      "func": {
       "id": 10,
       "type": "NameAttrList"
      },
      "i": {
       "id": 3,
       "type": "int64"
      },
      "list": {
       "id": 1,
       "type": "ListValue"
      },
      "placeholder": {
       "id": 9,
       "type": "string"
      },
      "s": {
       "id": 2,
       "type": "bytes"
      },
      "shape": {
       "id": 7,
       "type": "TensorShapeProto"
      },
      "tensor": {
       "id": 8,
       "type": "TensorProto"
      },
      "type": {
       "id": 6,
       "type": "DataType"
      }
     },
     "nested": {
      "ListValue": {
       "fields": {
        "b": {
         "id": 5,
         "rule": "repeated",
         "type": "bool"
        },
        "f": {
         "id": 4,
         "rule": "repeated",
         "type": "float"
        },
        "func": {
         "id": 9,
         "rule": "repeated",
         "type": "NameAttrList"
        },
        "i": {
         "id": 3,
         "rule": "repeated",
         "type": "int64"
        },
        "s": {
         "id": 2,
         "rule": "repeated",
         "type": "bytes"
        },
        "shape": {
         "id": 7,
         "rule": "repeated",
         "type": "TensorShapeProto"
        },
        "tensor": {
         "id": 8,
         "rule": "repeated",
         "type": "TensorProto"
        },
        "type": {
         "id": 6,
         "rule": "repeated",
         "type": "DataType"
        }
       }
      }
     },
     "oneofs": {
      "value": {
       "oneof": [
        "list",
        "s",
        "i",
        "f",
        "b",
        "type",
        "shape",
        "tensor",
        "placeholder",
        "func"
       ]
      }
     }
    },
    "AutoParallelOptions": {
     "fields": {
      "enable": {
       "id": 1,
       "type": "bool"
      },
      "numReplicas": {
       "id": 2,
       "protoName": "num_replicas",
       "type": "int32"
      }
     }
    },
    "BoundedTensorSpecProto": {
     "fields": {
      "dtype": {
       "id": 3,
       "type": "DataType"
      },
      "maximum": {
       "id": 5,
       "type": "TensorProto"
      },
      "minimum": {
       "id": 4,
       "type": "TensorProto"
      },
      "name": {
       "id": 1,
       "type": "string"
      },
      "shape": {
       "id": 2,
       "type": "TensorShapeProto"
      }
     }
    },
    "BytesList": {
     "fields": {
      "value": {
       "id": 1,
       "rule": "repeated",
       "type": "bytes"
      }
     }
    },
    "ClusterDef": {
     "fields": {
      "job": {
       "id": 1,
       "rule": "repeated",
       "type": "JobDef"
      }
     }
    },
    "ConfigProto": {
     "fields": {
      "allowSoftPlacement": {
       "id": 7,
       "protoName": "allow_soft_placement",
       "type": "bool"
      },
      "clusterDef": {
       "id": 14,
       "protoName": "cluster_def",
       "type": "ClusterDef"
      },
      "deviceCount": {
       "id": 1,
       "keyType": "string",
       "protoName": "device_count",
       "type": "int32"
      },
      "deviceFilters": {
       "id": 4,
       "protoName": "device_filters",
       "rule": "repeated",
       "type": "string"
      },
      "experimental": {
       "id": 16,
       "type": "Experimental"
      },
      "gpuOptions": {
       "id": 6,
       "protoName": "gpu_options",
       "type": "GPUOptions"
      },
      "graphOptions": {
       "id": 10,
       "protoName": "graph_options",
       "type": "GraphOptions"
      },
      "interOpParallelismThreads": {
       "id": 5,
       "protoName": "inter_op_parallelism_threads",
       "type": "int32"
      },
      "intraOpParallelismThreads": {
       "id": 2,
       "protoName": "intra_op_parallelism_threads",
       "type": "int32"
      },
      "isolateSessionState": {
       "id": 15,
       "protoName": "isolate_session_state",
       "type": "bool"
      },
      "logDevicePlacement": {
       "id": 8,
       "protoName": "log_device_placement",
       "type": "bool"
      },
      "operationTimeoutInMs": {
       "id": 11,
       "protoName": "operation_timeout_in_ms",
       "type": "int64"
      },
      "placementPeriod": {
       "id": 3,
       "protoName": "placement_period",
       "type": "int32"
      },
      "pluggableDeviceOptions": {
       "id": 18,
       "protoName": "pluggable_device_options",
       "type": "GPUOptions"
      },
      "rpcOptions": {
       "id": 13,
       "protoName": "rpc_options",
       "type": "RPCOptions"
      },
      "sessionInterOpThreadPool": {
       "id": 12,
       "protoName": "session_inter_op_thread_pool",
       "rule": "repeated",
       "type": "ThreadPoolOptionProto"
      },
      "shareClusterDevicesInSession": {
       "id": 17,
       "protoName": "share_cluster_devices_in_session",
       "type": "bool"
      },
      "usePerSessionThreads": {
       "id": 9,
       "protoName": "use_per_session_threads",
       "type": "bool"
      }
     },
     "nested": {
      "Experimental": {
       "fields": {
        "backendServerPort": {
         "id": 28,
         "protoName": "backend_server_port",
         "type": "int32"
        },
        "collectiveDeterministicSequentialExecution": {
         "id": 6,
         "protoName": "collective_deterministic_sequential_execution",
         "type": "bool"
        },
        "collectiveGroupLeader": {
         "id": 1,
         "protoName": "collective_group_leader",
         "type": "string"
        },
        "collectiveNccl": {
         "id": 7,
         "protoName": "collective_nccl",
         "type": "bool"
        },
        "coordinationConfig": {
         "id": 23,
         "protoName": "coordination_config",
         "type": "CoordinationServiceConfig"
        },
        "disableEagerExecutorStreamingEnqueue": {
         "id": 26,
         "protoName": "disable_eager_executor_streaming_enqueue",
         "type": "bool"
        },
        "disableFunctionalOpsLowering": {
         "id": 21,
         "protoName": "disable_functional_ops_lowering",
         "type": "bool"
        },
        "disableOptimizeForStaticGraph": {
         "id": 24,
         "protoName": "disable_optimize_for_static_graph",
         "type": "bool"
        },
        "disableOutputPartitionGraphs": {
         "id": 14,
         "protoName": "disable_output_partition_graphs",
         "type": "bool"
        },
        "disableThreadSpinning": {
         "id": 9,
         "protoName": "disable_thread_spinning",
         "type": "bool"
        },
        "enableMlirBridge": {
         "id": 13,
         "protoName": "enable_mlir_bridge",
         "type": "bool"
        },
        "enableMlirGraphOptimization": {
         "id": 16,
         "protoName": "enable_mlir_graph_optimization",
         "type": "bool"
        },
        "enableMultiHost": {
         "id": 27,
         "protoName": "enable_multi_host",
         "type": "bool"
        },
        "executorType": {
         "id": 3,
         "protoName": "executor_type",
         "type": "string"
        },
        "finalizeFunctionLibraryRuntime": {
         "id": 33,
         "protoName": "finalize_function_library_runtime",
         "type": "bool"
        },
        "finalizeResourceManager": {
         "id": 34,
         "protoName": "finalize_resource_manager",
         "type": "bool"
        },
        "mlirBridgeRollout": {
         "id": 17,
         "protoName": "mlir_bridge_rollout",
         "type": "MlirBridgeRollout"
        },
        "onlineCostAnalysis": {
         "id": 36,
         "protoName": "online_cost_analysis",
         "type": "bool"
        },
        "optimizeForStaticGraph": {
         "id": 12,
         "protoName": "optimize_for_static_graph",
         "type": "bool"
        },
        "recvBufMaxChunk": {
         "id": 4,
         "protoName": "recv_buf_max_chunk",
         "type": "int32"
        },
        "sessionMetadata": {
         "id": 11,
         "protoName": "session_metadata",
         "type": "SessionMetadata"
        },
        "shareClusterDevicesInSession": {
         "id": 10,
         "protoName": "share_cluster_devices_in_session",
         "type": "bool"
        },
        "shareSessionStateInClusterspecPropagation": {
         "id": 8,
         "protoName": "share_session_state_in_clusterspec_propagation",
         "type": "bool"
        },
        "streamMergeThreshold": {
         "id": 31,
         "protoName": "stream_merge_threshold",
         "type": "int32"
        },
        "targetGpu": {
         "id": 30,
         "protoName": "target_gpu",
         "type": "bool"
        },
        "targetTpu": {
         "id": 29,
         "protoName": "target_tpu",
         "type": "bool"
        },
        "tf2xlaDumpDir": {
         "id": 35,
         "protoName": "tf2xla_dump_dir",
         "type": "string"
        },
        "tfrtUseIfrt": {
         "id": 32,
         "protoName": "tfrt_use_ifrt",
         "type": "bool"
        },
        "useNumaAffinity": {
         "id": 5,
         "protoName": "use_numa_affinity",
         "type": "bool"
        },
        "useTfrt": {
         "id": 18,
         "protoName": "use_tfrt",
         "type": "bool"
        },
        "xlaFusionAutotunerThresh": {
         "id": 15,
         "protoName": "xla_fusion_autotuner_thresh",
         "type": "int64"
        },
        "xlaPreferSingleGraphCluster": {
         "id": 22,
         "protoName": "xla_prefer_single_graph_cluster",
         "type": "bool"
        }
       },
       "nested": {
        "MlirBridgeRollout": {
         "reserved": [
          [
           3,
           3
          ],
          [
           4,
           4
          ],
          "MLIR_BRIDGE_ROLLOUT_SAFE_MODE_ENABLED",
          "MLIR_BRIDGE_ROLLOUT_SAFE_MODE_FALLBACK_ENABLED"
         ],
         "values": {
          "MLIR_BRIDGE_ROLLOUT_UNSPECIFIED": 0,
          "MLIR_BRIDGE_ROLLOUT_ENABLED": 1,
          "MLIR_BRIDGE_ROLLOUT_DISABLED": 2
         }
        }
       },
       "reserved": [
        [
         2,
         2
        ],
        [
         19,
         19
        ],
        [
         20,
         20
        ],
        [
         25,
         25
        ]
       ]
      }
     }
    },
    "CoordinatedJob": {
     "fields": {
      "name": {
       "id": 1,
       "type": "string"
      },
      "numTasks": {
       "id": 2,
       "protoName": "num_tasks",
       "type": "int32"
      }
     }
    },
    "CoordinationServiceConfig": {
     "fields": {
      "agentDestructionWithoutShutdown": {
       "id": 8,
       "protoName": "agent_destruction_without_shutdown",
       "type": "bool"
      },
      "allowNewIncarnationToReconnect": {
       "id": 11,
       "protoName": "allow_new_incarnation_to_reconnect",
       "type": "bool"
      },
      "clusterRegisterTimeoutInMs": {
       "id": 4,
       "protoName": "cluster_register_timeout_in_ms",
       "type": "int64"
      },
      "clusterRegisterWithBarrier": {
       "id": 14,
       "protoName": "cluster_register_with_barrier",
       "type": "bool"
      },
      "coordinatedJobList": {
       "id": 10,
       "protoName": "coordinated_job_list",
       "rule": "repeated",
       "type": "CoordinatedJob"
      },
      "enableHealthCheck": {
       "id": 3,
       "protoName": "enable_health_check",
       "type": "bool"
      },
      "forceDisable": {
       "id": 12,
       "protoName": "force_disable",
       "type": "bool"
      },
      "heartbeatTimeoutInMs": {
       "id": 5,
       "protoName": "heartbeat_timeout_in_ms",
       "type": "int64"
      },
      "pollForErrorFromServiceAtStartup": {
       "id": 13,
       "protoName": "poll_for_error_from_service_at_startup",
       "type": "bool"
      },
      "recoverableJobs": {
       "id": 9,
       "protoName": "recoverable_jobs",
       "rule": "repeated",
       "type": "string"
      },
      "serviceLeader": {
       "id": 2,
       "protoName": "service_leader",
       "type": "string"
      },
      "serviceType": {
       "id": 1,
       "protoName": "service_type",
       "type": "string"
      },
      "shutdownBarrierTimeoutInMs": {
       "id": 7,
       "protoName": "shutdown_barrier_timeout_in_ms",
       "type": "int64"
      }
     },
     "reserved": [
      [
       6,
       6
      ]
     ]
    },
    "CostGraphDef": {
     "fields": {
      "cost": {
       "id": 2,
       "rule": "repeated",
       "type": "AggregatedCost"
      },
      "node": {
       "id": 1,
       "rule": "repeated",
       "type": "Node"
      }
     },
     "nested": {
      "AggregatedCost": {
       "fields": {
        "cost": {
         "id": 1,
         "type": "float"
        },
        "dimension": {
         "id": 2,
         "type": "string"
        }
       }
      },
      "Node": {
       "fields": {
        "computeCost": {
         "id": 9,
         "protoName": "compute_cost",
         "type": "int64"
        },
        "computeTime": {
         "id": 14,
         "protoName": "compute_time",
         "type": "int64"
        },
        "controlInput": {
         "id": 8,
         "protoName": "control_input",
         "rule": "repeated",
         "type": "int32"
        },
        "device": {
         "id": 2,
         "type": "string"
        },
        "devicePersistentMemorySize": {
         "id": 16,
         "options": {
          "deprecated": true
         },
         "protoName": "device_persistent_memory_size",
         "type": "int64"
        },
        "deviceTempMemorySize": {
         "id": 11,
         "options": {
          "deprecated": true
         },
         "protoName": "device_temp_memory_size",
         "type": "int64"
        },
        "hostTempMemorySize": {
         "id": 10,
         "options": {
          "deprecated": true
         },
         "protoName": "host_temp_memory_size",
         "type": "int64"
        },
        "id": {
         "id": 3,
         "type": "int32"
        },
        "inaccurate": {
         "id": 17,
         "type": "bool"
        },
        "inputInfo": {
         "id": 4,
         "protoName": "input_info",
         "rule": "repeated",
         "type": "InputInfo"
        },
        "isFinal": {
         "id": 7,
         "protoName": "is_final",
         "type": "bool"
        },
        "memoryTime": {
         "id": 15,
         "protoName": "memory_time",
         "type": "int64"
        },
        "name": {
         "id": 1,
         "type": "string"
        },
        "outputInfo": {
         "id": 5,
         "protoName": "output_info",
         "rule": "repeated",
         "type": "OutputInfo"
        },
        "persistentMemorySize": {
         "id": 12,
         "protoName": "persistent_memory_size",
         "type": "int64"
        },
        "temporaryMemorySize": {
         "id": 6,
         "protoName": "temporary_memory_size",
         "type": "int64"
        }
       },
       "nested": {
        "InputInfo": {
         "fields": {
          "precedingNode": {
           "id": 1,
           "protoName": "preceding_node",
           "type": "int32"
          },
          "precedingPort": {
           "id": 2,
           "protoName": "preceding_port",
           "type": "int32"
          }
         }
        },
        "OutputInfo": {
         "fields": {
          "aliasInputPort": {
           "id": 2,
           "protoName": "alias_input_port",
           "type": "int64"
          },
          "dtype": {
           "id": 4,
           "type": "DataType"
          },
          "shape": {
           "id": 3,
           "type": "TensorShapeProto"
          },
          "size": {
           "id": 1,
           "type": "int64"
          }
         }
        }
       }
      }
     }
    },
    "DataType": {
     "values": {
      "DT_INVALID": 0,
      "DT_FLOAT": 1,
      "DT_DOUBLE": 2,
      "DT_INT32": 3,
      "DT_UINT8": 4,
      "DT_INT16": 5,
      "DT_INT8": 6,
      "DT_STRING": 7,
      "DT_COMPLEX64": 8,
      "DT_INT64": 9,
      "DT_BOOL": 10,
      "DT_QINT8": 11,
      "DT_QUINT8": 12,
      "DT_QINT32": 13,
      "DT_BFLOAT16": 14,
      "DT_QINT16": 15,
      "DT_QUINT16": 16,
      "DT_UINT16": 17,
      "DT_COMPLEX128": 18,
      "DT_HALF": 19,
      "DT_RESOURCE": 20,
      "DT_VARIANT": 21,
      "DT_UINT32": 22,
      "DT_UINT64": 23,
      "DT_FLOAT8_E5M2": 24,
      "DT_FLOAT8_E4M3FN": 25,
      "DT_FLOAT8_E4M3FNUZ": 26,
      "DT_FLOAT8_E4M3B11FNUZ": 27,
      "DT_FLOAT8_E5M2FNUZ": 28,
      "DT_INT4": 29,
      "DT_UINT4": 30,
      "DT_INT2": 31,
      "DT_UINT2": 32,
      "DT_FLOAT4_E2M1FN": 33,
      "DT_FLOAT_REF": 101,
      "DT_DOUBLE_REF": 102,
      "DT_INT32_REF": 103,
      "DT_UINT8_REF": 104,
      "DT_INT16_REF": 105,
      "DT_INT8_REF": 106,
      "DT_STRING_REF": 107,
      "DT_COMPLEX64_REF": 108,
      "DT_INT64_REF": 109,
      "DT_BOOL_REF": 110,
      "DT_QINT8_REF": 111,
      "DT_QUINT8_REF": 112,
      "DT_QINT32_REF": 113,
      "DT_BFLOAT16_REF": 114,
      "DT_QINT16_REF": 115,
      "DT_QUINT16_REF": 116,
      "DT_UINT16_REF": 117,
      "DT_COMPLEX128_REF": 118,
      "DT_HALF_REF": 119,
      "DT_RESOURCE_REF": 120,
      "DT_VARIANT_REF": 121,
      "DT_UINT32_REF": 122,
      "DT_UINT64_REF": 123,
      "DT_FLOAT8_E5M2_REF": 124,
      "DT_FLOAT8_E4M3FN_REF": 125,
      "DT_FLOAT8_E4M3FNUZ_REF": 126,
      "DT_FLOAT8_E4M3B11FNUZ_REF": 127,
      "DT_FLOAT8_E5M2FNUZ_REF": 128,
      "DT_INT4_REF": 129,
      "DT_UINT4_REF": 130,
      "DT_INT2_REF": 131,
      "DT_UINT2_REF": 132,
      "DT_FLOAT4_E2M1FN_REF": 133
     }
    },
    "DebugOptions": {
     "fields": {
      "debugTensorWatchOpts": {
       "id": 4,
       "protoName": "debug_tensor_watch_opts",
       "rule": "repeated",
       "type": "DebugTensorWatch"
      },
      "globalStep": {
       "id": 10,
       "protoName": "global_step",
       "type": "int64"
      },
      "resetDiskByteUsage": {
       "id": 11,
       "protoName": "reset_disk_byte_usage",
       "type": "bool"
      }
     }
    },
    "DebugTensorWatch": {
     "fields": {
      "debugOps": {
       "id": 3,
       "protoName": "debug_ops",
       "rule": "repeated",
       "type": "string"
      },
      "debugUrls": {
       "id": 4,
       "protoName": "debug_urls",
       "rule": "repeated",
       "type": "string"
      },
      "nodeName": {
       "id": 1,
       "protoName": "node_name",
       "type": "string"
      },
      "outputSlot": {
       "id": 2,
       "protoName": "output_slot",
       "type": "int32"
      },
      "tolerateDebugOpCreationFailures": {
       "id": 5,
       "protoName": "tolerate_debug_op_creation_failures",
       "type": "bool"
      }
     }
    },
    "DeviceStepStats": {
     "fields": {
      "device": {
       "id": 1,
       "type": "string"
      },
      "nodeStats": {
       "id": 2,
       "protoName": "node_stats",
       "rule": "repeated",
       "type": "NodeExecStats"
      },
      "threadNames": {
       "id": 3,
       "keyType": "uint32",
       "protoName": "thread_names",
       "type": "string"
      }
     }
    },
    "DictValue": {
     "fields": {
      "fields": {
       "id": 1,
       "keyType": "string",
       "type": "StructuredValue"
      }
     }
    },
    "Example": {
     "fields": {
      "features": {
       "id": 1,
       "type": "Features"
      }
     }
    },
    "Feature": {
     "fields": {
      "bytesList": {
       "id": 1,
       "protoName": "bytes_list",
       "type": "BytesList"
      },
      "floatList": {
       "id": 2,
       "protoName": "float_list",
       "type": "FloatList"
      },
      "int64List": {
       "id": 3,
       "protoName": "int64_list",
       "type": "Int64List"
      }
     },
     "oneofs": {
      "kind": {
       "oneof": [
        "bytesList",
        "floatList",
        "int64List"
       ]
      }
     }
    },
    "FeatureList": {
     "fields": {
      "feature": {
       "id": 1,
       "rule": "repeated",
       "type": "Feature"
      }
     }
    },
    "FeatureLists": {
     "fields": {
      "featureList": {
       "id": 1,
       "keyType": "string",
       "protoName": "feature_list",
       "type": "FeatureList"
      }
     }
    },
    "Features": {
     "fields": {
      "feature": {
       "id": 1,
       "keyType": "string",
       "type": "Feature"
      }
     }
    },
    "FloatList": {
     "fields": {
      "value": {
       "id": 1,
       "rule": "repeated",
       "type": "float"
      }
     }
    },
    "FullTypeDef": {
     "fields": {
      "args": {
       "id": 2,
       "rule": "repeated",
       "type": "FullTypeDef"
      },
      "i": {
       "id": 4,
       "type": "int64"
      },
      "s": {
       "id": 3,
       "type": "string"
      },
      "typeId": {
       "id": 1,
       "protoName": "type_id",
       "type": "FullTypeId"
      }
     },
     "oneofs": {
      "attr": {
       "oneof": [
        "s",
        "i"
       ]
      }
     }
    },
    "FullTypeId": {
     "values": {
      "TFT_UNSET": 0,
      "TFT_VAR": 1,
      "TFT_ANY": 2,
      "TFT_PRODUCT": 3,
      "TFT_NAMED": 4,
      "TFT_FOR_EACH": 20,
      "TFT_CALLABLE": 100,
      "TFT_TENSOR": 1000,
      "TFT_ARRAY": 1001,
      "TFT_OPTIONAL": 1002,
      "TFT_LITERAL": 1003,
      "TFT_ENCODED": 1004,
      "TFT_SHAPE_TENSOR": 1005,
      "TFT_BOOL": 200,
      "TFT_UINT8": 201,
      "TFT_UINT16": 202,
      "TFT_UINT32": 203,
      "TFT_UINT64": 204,
      "TFT_INT8": 205,
      "TFT_INT16": 206,
      "TFT_INT32": 207,
      "TFT_INT64": 208,
      "TFT_HALF": 209,
      "TFT_FLOAT": 210,
      "TFT_DOUBLE": 211,
      "TFT_BFLOAT16": 215,
      "TFT_COMPLEX64": 212,
      "TFT_COMPLEX128": 213,
      "TFT_STRING": 214,
      "TFT_DATASET": 10102,
      "TFT_RAGGED": 10103,
      "TFT_ITERATOR": 10104,
      "TFT_MUTEX_LOCK": 10202,
      "TFT_LEGACY_VARIANT": 10203
     }
    },
    "FunctionDef": {
     "fields": {
      "argAttr": {
       "id": 7,
       "keyType": "uint32",
       "protoName": "arg_attr",
       "type": "ArgAttrs"
      },
      "attr": {
       "id": 5,
       "keyType": "string",
       "type": "AttrValue"
      },
      "controlRet": {
       "id": 6,
       "keyType": "string",
       "protoName": "control_ret",
       "type": "string"
      },
      "nodeDef": {
       "id": 3,
       "protoName": "node_def",
       "rule": "repeated",
       "type": "NodeDef"
      },
      "resourceArgUniqueId": {
       "id": 8,
       "keyType": "uint32",
       "protoName": "resource_arg_unique_id",
       "type": "uint32"
      },
      "ret": {
       "id": 4,
       "keyType": "string",
       "type": "string"
      },
      "signature": {
       "id": 1,
       "type": "OpDef"
      }
     },
     "nested": {
      "ArgAttrs": {
       "fields": {
        "attr": {
         "id": 1,
         "keyType": "string",
         "type": "AttrValue"
        }
       }
      }
     },
     "reserved": [
      [
       2,
       2
      ]
     ]
    },
    "FunctionDefLibrary": {
     "fields": {
      "function": {
       "id": 1,
       "rule": "repeated",
       "type": "FunctionDef"
      },
      "gradient": {
       "id": 2,
       "rule": "repeated",
       "type": "GradientDef"
      },
      "registeredGradients": {
       "id": 3,
       "protoName": "registered_gradients",
       "rule": "repeated",
       "type": "RegisteredGradient"
      }
     }
    },
    "GPUOptions": {
     "fields": {
      "allocatorType": {
       "id": 2,
       "protoName": "allocator_type",
       "type": "string"
      },
      "allowGrowth": {
       "id": 4,
       "protoName": "allow_growth",
       "type": "bool"
      },
      "deferredDeletionBytes": {
       "id": 3,
       "protoName": "deferred_deletion_bytes",
       "type": "int64"
      },
      "experimental": {
       "id": 9,
       "type": "Experimental"
      },
      "forceGpuCompatible": {
       "id": 8,
       "protoName": "force_gpu_compatible",
       "type": "bool"
      },
      "perProcessGpuMemoryFraction": {
       "id": 1,
       "protoName": "per_process_gpu_memory_fraction",
       "type": "double"
      },
      "pollingActiveDelayUsecs": {
       "id": 6,
       "protoName": "polling_active_delay_usecs",
       "type": "int32"
      },
      "pollingInactiveDelayMsecs": {
       "id": 7,
       "protoName": "polling_inactive_delay_msecs",
       "type": "int32"
      },
      "visibleDeviceList": {
       "id": 5,
       "protoName": "visible_device_list",
       "type": "string"
      }
     },
     "nested": {
      "Experimental": {
       "fields": {
        "collectiveRingOrder": {
         "id": 4,
         "protoName": "collective_ring_order",
         "type": "string"
        },
        "disallowRetryOnAllocationFailure": {
         "id": 12,
         "protoName": "disallow_retry_on_allocation_failure",
         "type": "bool"
        },
        "gpuHostMemDisallowGrowth": {
         "id": 14,
         "protoName": "gpu_host_mem_disallow_growth",
         "type": "bool"
        },
        "gpuHostMemLimitInMb": {
         "id": 13,
         "protoName": "gpu_host_mem_limit_in_mb",
         "type": "float"
        },
        "gpuSystemMemorySizeInMb": {
         "id": 16,
         "protoName": "gpu_system_memory_size_in_mb",
         "type": "int32"
        },
        "internalFragmentationFraction": {
         "id": 10,
         "protoName": "internal_fragmentation_fraction",
         "type": "double"
        },
        "kernelTrackerMaxBytes": {
         "id": 8,
         "protoName": "kernel_tracker_max_bytes",
         "type": "int32"
        },
        "kernelTrackerMaxInterval": {
         "id": 7,
         "protoName": "kernel_tracker_max_interval",
         "type": "int32"
        },
        "kernelTrackerMaxPending": {
         "id": 9,
         "protoName": "kernel_tracker_max_pending",
         "type": "int32"
        },
        "nodeId": {
         "id": 18,
         "protoName": "node_id",
         "type": "int32"
        },
        "numDevToDevCopyStreams": {
         "id": 3,
         "protoName": "num_dev_to_dev_copy_streams",
         "type": "int32"
        },
        "numVirtualDevicesPerGpu": {
         "id": 15,
         "protoName": "num_virtual_devices_per_gpu",
         "type": "int32"
        },
        "populatePjrtGpuClientCreationInfo": {
         "id": 17,
         "protoName": "populate_pjrt_gpu_client_creation_info",
         "type": "bool"
        },
        "streamMergeOptions": {
         "id": 19,
         "protoName": "stream_merge_options",
         "type": "StreamMergeOptions"
        },
        "timestampedAllocator": {
         "id": 5,
         "protoName": "timestamped_allocator",
         "type": "bool"
        },
        "useCudaMallocAsync": {
         "id": 11,
         "protoName": "use_cuda_malloc_async",
         "type": "bool"
        },
        "useUnifiedMemory": {
         "id": 2,
         "protoName": "use_unified_memory",
         "type": "bool"
        },
        "virtualDevices": {
         "id": 1,
         "protoName": "virtual_devices",
         "rule": "repeated",
         "type": "VirtualDevices"
        }
       },
       "nested": {
        "StreamMergeOptions": {
         "fields": {
          "mergeDeviceToDeviceStream": {
           "id": 3,
           "protoName": "merge_device_to_device_stream",
           "type": "bool"
          },
          "mergeDeviceToHostStream": {
           "id": 2,
           "protoName": "merge_device_to_host_stream",
           "type": "bool"
          },
          "mergeHostToDeviceStream": {
           "id": 1,
           "protoName": "merge_host_to_device_stream",
           "type": "bool"
          }
         }
        },
        "VirtualDevices": {
         "fields": {
          "deviceOrdinal": {
           "id": 3,
           "protoName": "device_ordinal",
           "rule": "repeated",
           "type": "int32"
          },
          "memoryLimitMb": {
           "id": 1,
           "protoName": "memory_limit_mb",
           "rule": "repeated",
           "type": "float"
          },
          "priority": {
           "id": 2,
           "rule": "repeated",
           "type": "int32"
          }
         }
        }
       }
      }
     }
    },
    "GradientDef": {
     "fields": {
      "functionName": {
       "id": 1,
       "protoName": "function_name",
       "type": "string"
      },
      "gradientFunc": {
       "id": 2,
       "protoName": "gradient_func",
       "type": "string"
      }
     }
    },
    "GraphDebugInfo": {
     "edition": "proto2",
     "fields": {
      "files": {
       "id": 1,
       "rule": "repeated",
       "type": "string"
      },
      "framesById": {
       "id": 4,
       "keyType": "fixed64",
       "protoName": "frames_by_id",
       "type": "FileLineCol"
      },
      "nameToTraceId": {
       "id": 5,
       "keyType": "string",
       "protoName": "name_to_trace_id",
       "type": "fixed64"
      },
      "traces": {
       "id": 2,
       "keyType": "string",
       "type": "StackTrace"
      },
      "tracesById": {
       "id": 6,
       "keyType": "fixed64",
       "protoName": "traces_by_id",
       "type": "StackTrace"
      }
     },
     "nested": {
      "FileLineCol": {
       "fields": {
        "code": {
         "id": 5,
         "type": "string"
        },
        "col": {
         "id": 3,
         "type": "int32"
        },
        "fileIndex": {
         "id": 1,
         "protoName": "file_index",
         "type": "int32"
        },
        "func": {
         "id": 4,
         "type": "string"
        },
        "line": {
         "id": 2,
         "type": "int32"
        }
       }
      },
      "StackTrace": {
       "fields": {
        "fileLineCols": {
         "id": 1,
         "protoName": "file_line_cols",
         "rule": "repeated",
         "type": "FileLineCol"
        },
        "frameId": {
         "id": 2,
         "options": {
          "packed": true
         },
         "protoName": "frame_id",
         "rule": "repeated",
         "type": "fixed64"
        }
       }
      }
     }
    },
    "GraphDef": {
     "fields": {
      "debugInfo": {
       "id": 5,
       "protoName": "debug_info",
       "type": "GraphDebugInfo"
      },
      "library": {
       "id": 2,
       "type": "FunctionDefLibrary"
      },
      "node": {
       "id": 1,
       "rule": "repeated",
       "type": "NodeDef"
      },
      "version": {
       "id": 3,
       "options": {
        "deprecated": true
       },
       "type": "int32"
      },
      "versions": {
       "id": 4,
       "type": "VersionDef"
      }
     }
    },
    "GraphOptions": {
     "fields": {
      "buildCostModel": {
       "id": 4,
       "protoName": "build_cost_model",
       "type": "int64"
      },
      "buildCostModelAfter": {
       "id": 9,
       "protoName": "build_cost_model_after",
       "type": "int64"
      },
      "enableBfloat16Sendrecv": {
       "id": 7,
       "protoName": "enable_bfloat16_sendrecv",
       "type": "bool"
      },
      "enableRecvScheduling": {
       "id": 2,
       "protoName": "enable_recv_scheduling",
       "type": "bool"
      },
      "inferShapes": {
       "id": 5,
       "protoName": "infer_shapes",
       "type": "bool"
      },
      "optimizerOptions": {
       "id": 3,
       "protoName": "optimizer_options",
       "type": "OptimizerOptions"
      },
      "placePrunedGraph": {
       "id": 6,
       "protoName": "place_pruned_graph",
       "type": "bool"
      },
      "rewriteOptions": {
       "id": 10,
       "protoName": "rewrite_options",
       "type": "RewriterConfig"
      },
      "timelineStep": {
       "id": 8,
       "protoName": "timeline_step",
       "type": "int32"
      }
     },
     "reserved": [
      [
       1,
       1
      ],
      "skip_common_subexpression_elimination"
     ]
    },
    "Int64List": {
     "fields": {
      "value": {
       "id": 1,
       "rule": "repeated",
       "type": "int64"
      }
     }
    },
    "JobDef": {
     "fields": {
      "name": {
       "id": 1,
       "type": "string"
      },
      "tasks": {
       "id": 2,
       "keyType": "int32",
       "type": "string"
      }
     }
    },
    "ListValue": {
     "fields": {
      "values": {
       "rule": "repeated",
       "type": "StructuredValue",
       "id": 1
      }
     }
    },
    "MemoryStats": {
     "fields": {
      "devicePersistentMemorySize": {
       "id": 4,
       "options": {
        "deprecated": true
       },
       "protoName": "device_persistent_memory_size",
       "type": "int64"
      },
      "devicePersistentTensorAllocIds": {
       "id": 6,
       "options": {
        "deprecated": true
       },
       "protoName": "device_persistent_tensor_alloc_ids",
       "rule": "repeated",
       "type": "int64"
      },
      "deviceTempMemorySize": {
       "id": 2,
       "options": {
        "deprecated": true
       },
       "protoName": "device_temp_memory_size",
       "type": "int64"
      },
      "persistentMemorySize": {
       "id": 3,
       "protoName": "persistent_memory_size",
       "type": "int64"
      },
      "persistentTensorAllocIds": {
       "id": 5,
       "protoName": "persistent_tensor_alloc_ids",
       "rule": "repeated",
       "type": "int64"
      },
      "tempMemorySize": {
       "id": 1,
       "protoName": "temp_memory_size",
       "type": "int64"
      }
     }
    },
    "NameAttrList": {
     "fields": {
      "attr": {
       "id": 2,
       "keyType": "string",
       "type": "AttrValue"
      },
      "name": {
       "id": 1,
       "type": "string"
      }
     }
    },
    "NamedTensorProto": {
     "fields": {
      "name": {
       "id": 1,
       "type": "string"
      },
      "tensor": {
       "id": 2,
       "type": "TensorProto"
      }
     }
    },
    "NamedTupleValue": {
     "fields": {
      "name": {
       "id": 1,
       "type": "string"
      },
      "values": {
       "rule": "repeated",
       "type": "PairValue",
       "id": 2
      }
     }
    },
    "NodeDef": {
     "fields": {
      "attr": {
       "id": 5,
       "keyType": "string",
       "type": "AttrValue"
      },
      "device": {
       "id": 4,
       "type": "string"
      },
      "experimentalDebugInfo": {
       "id": 6,
       "protoName": "experimental_debug_info",
       "type": "ExperimentalDebugInfo"
      },
      "experimentalType": {
       "id": 7,
       "protoName": "experimental_type",
       "type": "FullTypeDef"
      },
      "input": {
       "id": 3,
       "rule": "repeated",
       "type": "string"
      },
      "name": {
       "id": 1,
       "type": "string"
      },
      "op": {
       "id": 2,
       "type": "string"
      }
     },
     "nested": {
      "ExperimentalDebugInfo": {
       "fields": {
        "originalFuncNames": {
         "id": 2,
         "protoName": "original_func_names",
         "rule": "repeated",
         "type": "string"
        },
        "originalNodeNames": {
         "id": 1,
         "protoName": "original_node_names",
         "rule": "repeated",
         "type": "string"
        }
       }
      }
     }
    },
    "NodeExecStats": {
     "fields": {
      "allEndRelMicros": {
       "id": 5,
       "protoName": "all_end_rel_micros",
       "type": "int64"
      },
      "allEndRelNanos": {
       "id": 16,
       "protoName": "all_end_rel_nanos",
       "type": "int64"
      },
      "allStartMicros": {
       "id": 2,
       "protoName": "all_start_micros",
       "type": "int64"
      },
      "allStartNanos": {
       "id": 13,
       "protoName": "all_start_nanos",
       "type": "int64"
      },
      "memory": {
       "id": 6,
       "rule": "repeated",
       "type": "AllocatorMemoryUsed"
      },
      "memoryStats": {
       "id": 12,
       "protoName": "memory_stats",
       "type": "MemoryStats"
      },
      "nodeName": {
       "id": 1,
       "protoName": "node_name",
       "type": "string"
      },
      "opEndRelMicros": {
       "id": 4,
       "protoName": "op_end_rel_micros",
       "type": "int64"
      },
      "opEndRelNanos": {
       "id": 15,
       "protoName": "op_end_rel_nanos",
       "type": "int64"
      },
      "opStartRelMicros": {
       "id": 3,
       "protoName": "op_start_rel_micros",
       "type": "int64"
      },
      "opStartRelNanos": {
       "id": 14,
       "protoName": "op_start_rel_nanos",
       "type": "int64"
      },
      "output": {
       "id": 7,
       "rule": "repeated",
       "type": "NodeOutput"
      },
      "referencedTensor": {
       "id": 11,
       "protoName": "referenced_tensor",
       "rule": "repeated",
       "type": "AllocationDescription"
      },
      "scheduledMicros": {
       "id": 9,
       "protoName": "scheduled_micros",
       "type": "int64"
      },
      "scheduledNanos": {
       "id": 17,
       "protoName": "scheduled_nanos",
       "type": "int64"
      },
      "threadId": {
       "id": 10,
       "protoName": "thread_id",
       "type": "uint32"
      },
      "timelineLabel": {
       "id": 8,
       "protoName": "timeline_label",
       "type": "string"
      }
     }
    },
    "NodeOutput": {
     "fields": {
      "slot": {
       "id": 1,
       "type": "int32"
      },
      "tensorDescription": {
       "id": 3,
       "protoName": "tensor_description",
       "type": "TensorDescription"
      }
     }
    },
    "NoneValue": {
     "fields": {}
    },
    "OpDef": {
     "fields": {
      "allowsUninitializedInput": {
       "id": 19,
       "protoName": "allows_uninitialized_input",
       "type": "bool"
      },
      "attr": {
       "id": 4,
       "rule": "repeated",
       "type": "AttrDef"
      },
      "controlOutput": {
       "id": 20,
       "protoName": "control_output",
       "rule": "repeated",
       "type": "string"
      },
      "deprecation": {
       "id": 8,
       "type": "OpDeprecation"
      },
      "description": {
       "id": 6,
       "type": "string"
      },
      "inputArg": {
       "id": 2,
       "protoName": "input_arg",
       "rule": "repeated",
       "type": "ArgDef"
      },
      "isAggregate": {
       "id": 16,
       "protoName": "is_aggregate",
       "type": "bool"
      },
      "isCommutative": {
       "id": 18,
       "protoName": "is_commutative",
       "type": "bool"
      },
      "isDistributedCommunication": {
       "id": 21,
       "protoName": "is_distributed_communication",
       "type": "bool"
      },
      "isStateful": {
       "id": 17,
       "protoName": "is_stateful",
       "type": "bool"
      },
      "name": {
       "id": 1,
       "type": "string"
      },
      "outputArg": {
       "id": 3,
       "protoName": "output_arg",
       "rule": "repeated",
       "type": "ArgDef"
      },
      "summary": {
       "id": 5,
       "type": "string"
      }
     },
     "nested": {
      "ArgDef": {
       "fields": {
        "description": {
         "id": 2,
         "type": "string"
        },
        "experimentalFullType": {
         "id": 17,
         "protoName": "experimental_full_type",
         "type": "FullTypeDef"
        },
        "handleData": {
         "id": 7,
         "protoName": "handle_data",
         "rule": "repeated",
         "type": "ResourceHandleProto.DtypeAndShape"
        },
        "isRef": {
         "id": 16,
         "protoName": "is_ref",
         "type": "bool"
        },
        "name": {
         "id": 1,
         "type": "string"
        },
        "numberAttr": {
         "id": 5,
         "protoName": "number_attr",
         "type": "string"
        },
        "type": {
         "id": 3,
         "type": "DataType"
        },
        "typeAttr": {
         "id": 4,
         "protoName": "type_attr",
         "type": "string"
        },
        "typeListAttr": {
         "id": 6,
         "protoName": "type_list_attr",
         "type": "string"
        }
       }
      },
      "AttrDef": {
       "fields": {
        "allowedValues": {
         "id": 7,
         "protoName": "allowed_values",
         "type": "AttrValue"
        },
        "defaultValue": {
         "id": 3,
         "protoName": "default_value",
         "type": "AttrValue"
        },
        "description": {
         "id": 4,
         "type": "string"
        },
        "hasMinimum": {
         "id": 5,
         "protoName": "has_minimum",
         "type": "bool"
        },
        "minimum": {
         "id": 6,
         "type": "int64"
        },
        "name": {
         "id": 1,
         "type": "string"
        },
        "type": {
         "id": 2,
         "type": "string"
        }
       }
      }
     }
    },
    "OpDeprecation": {
     "fields": {
      "explanation": {
       "id": 2,
       "type": "string"
      },
      "version": {
       "id": 1,
       "type": "int32"
      }
     }
    },
    "OptimizerOptions": {
     "fields": {
      "cpuGlobalJit": {
       "id": 7,
       "protoName": "cpu_global_jit",
       "type": "bool"
      },
      "doCommonSubexpressionElimination": {
       "id": 1,
       "protoName": "do_common_subexpression_elimination",
       "type": "bool"
      },
      "doConstantFolding": {
       "id": 2,
       "protoName": "do_constant_folding",
       "type": "bool"
      },
      "doFunctionInlining": {
       "id": 4,
       "protoName": "do_function_inlining",
       "type": "bool"
      },
      "globalJitLevel": {
       "id": 5,
       "protoName": "global_jit_level",
       "type": "GlobalJitLevel"
      },
      "maxFoldedConstantInBytes": {
       "id": 6,
       "protoName": "max_folded_constant_in_bytes",
       "type": "int64"
      },
      "optLevel": {
       "id": 3,
       "protoName": "opt_level",
       "type": "Level"
      }
     },
     "nested": {
      "GlobalJitLevel": {
       "values": {
        "DEFAULT": 0,
        "OFF": -1,
        "ON_1": 1,
        "ON_2": 2
       }
      },
      "Level": {
       "values": {
        "L1": 0,
        "L0": -1
       }
      }
     }
    },
    "PairValue": {
     "fields": {
      "key": {
       "id": 1,
       "type": "string"
      },
      "value": {
       "id": 2,
       "type": "StructuredValue"
      }
     }
    },
    "RPCOptions": {
     "fields": {
      "cacheRpcResponse": {
       "id": 4,
       "protoName": "cache_rpc_response",
       "type": "bool"
      },
      "compressionAlgorithm": {
       "id": 2,
       "protoName": "compression_algorithm",
       "type": "string"
      },
      "compressionLevel": {
       "id": 3,
       "protoName": "compression_level",
       "type": "int32"
      },
      "disableSessionConnectionSharing": {
       "id": 5,
       "protoName": "disable_session_connection_sharing",
       "type": "bool"
      },
      "numChannelsPerTarget": {
       "id": 6,
       "protoName": "num_channels_per_target",
       "type": "int32"
      },
      "useRpcForInprocessMaster": {
       "id": 1,
       "protoName": "use_rpc_for_inprocess_master",
       "type": "bool"
      }
     }
    },
    "RegisteredGradient": {
     "fields": {
      "gradientFunc": {
       "id": 1,
       "protoName": "gradient_func",
       "type": "string"
      },
      "registeredOpType": {
       "id": 2,
       "protoName": "registered_op_type",
       "type": "string"
      }
     }
    },
    "ResourceHandleProto": {
     "fields": {
      "container": {
       "id": 2,
       "type": "string"
      },
      "device": {
       "id": 1,
       "type": "string"
      },
      "dtypesAndShapes": {
       "id": 6,
       "protoName": "dtypes_and_shapes",
       "rule": "repeated",
       "type": "DtypeAndShape"
      },
      "hashCode": {
       "id": 4,
       "protoName": "hash_code",
       "type": "uint64"
      },
      "maybeTypeName": {
       "id": 5,
       "protoName": "maybe_type_name",
       "type": "string"
      },
      "name": {
       "id": 3,
       "type": "string"
      }
     },
     "nested": {
      "DtypeAndShape": {
       "fields": {
        "dtype": {
         "id": 1,
         "type": "DataType"
        },
        "shape": {
         "id": 2,
         "type": "TensorShapeProto"
        }
       }
      }
     },
     "reserved": [
      [
       7,
       7
      ]
     ]
    },
    "RewriterConfig": {
     "fields": {
      "arithmeticOptimization": {
       "id": 7,
       "protoName": "arithmetic_optimization",
       "type": "Toggle"
      },
      "autoMixedPrecision": {
       "id": 23,
       "protoName": "auto_mixed_precision",
       "type": "Toggle"
      },
      "autoMixedPrecisionCpu": {
       "id": 29,
       "protoName": "auto_mixed_precision_cpu",
       "type": "Toggle"
      },
      "autoMixedPrecisionMkl": {
       "id": 25,
       "protoName": "auto_mixed_precision_mkl",
       "type": "Toggle"
      },
      "autoMixedPrecisionOnednnBfloat16": {
       "id": 31,
       "protoName": "auto_mixed_precision_onednn_bfloat16",
       "type": "Toggle"
      },
      "autoParallel": {
       "id": 5,
       "protoName": "auto_parallel",
       "type": "AutoParallelOptions"
      },
      "commonSubgraphElimination": {
       "id": 24,
       "protoName": "common_subgraph_elimination",
       "type": "Toggle"
      },
      "constantFolding": {
       "id": 3,
       "protoName": "constant_folding",
       "type": "Toggle"
      },
      "cpuLayoutConversion": {
       "id": 50,
       "protoName": "cpu_layout_conversion",
       "type": "CpuLayout"
      },
      "customOptimizers": {
       "id": 200,
       "protoName": "custom_optimizers",
       "rule": "repeated",
       "type": "CustomGraphOptimizer"
      },
      "debugStripper": {
       "id": 11,
       "protoName": "debug_stripper",
       "type": "Toggle"
      },
      "dependencyOptimization": {
       "id": 8,
       "protoName": "dependency_optimization",
       "type": "Toggle"
      },
      "disableMetaOptimizer": {
       "id": 19,
       "protoName": "disable_meta_optimizer",
       "type": "bool"
      },
      "disableModelPruning": {
       "id": 2,
       "protoName": "disable_model_pruning",
       "type": "bool"
      },
      "disableTfgOptimizer": {
       "id": 32,
       "protoName": "disable_tfg_optimizer",
       "type": "bool"
      },
      "experimentalConditionalCodeMotion": {
       "id": 30,
       "protoName": "experimental_conditional_code_motion",
       "type": "Toggle"
      },
      "experimentalDisableCompressedTensorOptimization": {
       "id": 26,
       "protoName": "experimental_disable_compressed_tensor_optimization",
       "type": "bool"
      },
      "experimentalDisableFoldingQuantizationEmulation": {
       "id": 27,
       "protoName": "experimental_disable_folding_quantization_emulation",
       "type": "bool"
      },
      "failOnOptimizerErrors": {
       "id": 21,
       "protoName": "fail_on_optimizer_errors",
       "type": "bool"
      },
      "functionOptimization": {
       "id": 10,
       "protoName": "function_optimization",
       "type": "Toggle"
      },
      "implementationSelector": {
       "id": 22,
       "protoName": "implementation_selector",
       "type": "Toggle"
      },
      "interOptimizerVerifierConfig": {
       "id": 300,
       "protoName": "inter_optimizer_verifier_config",
       "type": "VerifierConfig"
      },
      "layoutOptimizer": {
       "id": 1,
       "protoName": "layout_optimizer",
       "type": "Toggle"
      },
      "loopOptimization": {
       "id": 9,
       "protoName": "loop_optimization",
       "type": "Toggle"
      },
      "memoryOptimization": {
       "id": 4,
       "protoName": "memory_optimization",
       "type": "MemOptType"
      },
      "memoryOptimizerTargetNodeNameScope": {
       "id": 6,
       "protoName": "memory_optimizer_target_node_name_scope",
       "type": "string"
      },
      "metaOptimizerIterations": {
       "id": 12,
       "protoName": "meta_optimizer_iterations",
       "type": "NumIterationsType"
      },
      "metaOptimizerTimeoutMs": {
       "id": 20,
       "protoName": "meta_optimizer_timeout_ms",
       "type": "int64"
      },
      "minGraphNodes": {
       "id": 17,
       "protoName": "min_graph_nodes",
       "type": "int32"
      },
      "optimizers": {
       "id": 100,
       "rule": "repeated",
       "type": "string"
      },
      "pinToHostOptimization": {
       "id": 18,
       "protoName": "pin_to_host_optimization",
       "type": "Toggle"
      },
      "postOptimizationVerifierConfig": {
       "id": 301,
       "protoName": "post_optimization_verifier_config",
       "type": "VerifierConfig"
      },
      "remapping": {
       "id": 14,
       "type": "Toggle"
      },
      "scopedAllocatorOptimization": {
       "id": 15,
       "protoName": "scoped_allocator_optimization",
       "type": "Toggle"
      },
      "scopedAllocatorOpts": {
       "id": 16,
       "protoName": "scoped_allocator_opts",
       "type": "ScopedAllocatorOptions"
      },
      "shapeOptimization": {
       "id": 13,
       "protoName": "shape_optimization",
       "type": "Toggle"
      },
      "usePluginOptimizers": {
       "id": 28,
       "protoName": "use_plugin_optimizers",
       "type": "Toggle"
      }
     },
     "nested": {
      "CpuLayout": {
       "values": {
        "NO_CONVERSION_ON_CPU": 0,
        "NCHW_TO_NHWC": 1,
        "NHWC_TO_NCHW": 2
       }
      },
      "CustomGraphOptimizer": {
       "fields": {
        "name": {
         "id": 1,
         "type": "string"
        },
        "parameterMap": {
         "id": 2,
         "keyType": "string",
         "protoName": "parameter_map",
         "type": "AttrValue"
        }
       }
      },
      "MemOptType": {
       "values": {
        "DEFAULT_MEM_OPT": 0,
        "NO_MEM_OPT": 1,
        "MANUAL": 2,
        "SWAPPING_HEURISTICS": 4,
        "RECOMPUTATION_HEURISTICS": 5,
        "SCHEDULING_HEURISTICS": 6,
        "HEURISTICS": 3
       }
      },
      "NumIterationsType": {
       "values": {
        "DEFAULT_NUM_ITERS": 0,
        "ONE": 1,
        "TWO": 2
       }
      },
      "Toggle": {
       "values": {
        "DEFAULT": 0,
        "ON": 1,
        "OFF": 2,
        "AGGRESSIVE": 3,
        "EXPERIMENTAL_MLIR": 4,
        "EXPERIMENTAL_BOTH": 5
       }
      }
     }
    },
    "RunMetadata": {
     "fields": {
      "costGraph": {
       "id": 2,
       "protoName": "cost_graph",
       "type": "CostGraphDef"
      },
      "functionGraphs": {
       "id": 4,
       "protoName": "function_graphs",
       "rule": "repeated",
       "type": "FunctionGraphs"
      },
      "partitionGraphs": {
       "id": 3,
       "protoName": "partition_graphs",
       "rule": "repeated",
       "type": "GraphDef"
      },
      "sessionMetadata": {
       "id": 5,
       "protoName": "session_metadata",
       "type": "SessionMetadata"
      },
      "stepStats": {
       "id": 1,
       "protoName": "step_stats",
       "type": "StepStats"
      }
     },
     "nested": {
      "FunctionGraphs": {
       "fields": {
        "partitionGraphs": {
         "id": 1,
         "protoName": "partition_graphs",
         "rule": "repeated",
         "type": "GraphDef"
        },
        "postOptimizationGraph": {
         "id": 3,
         "protoName": "post_optimization_graph",
         "type": "GraphDef"
        },
        "preOptimizationGraph": {
         "id": 2,
         "protoName": "pre_optimization_graph",
         "type": "GraphDef"
        }
       }
      }
     }
    },
    "RunOptions": {
     "fields": {
      "debugOptions": {
       "id": 6,
       "protoName": "debug_options",
       "type": "DebugOptions"
      },
      "experimental": {
       "id": 8,
       "type": "Experimental"
      },
      "interOpThreadPool": {
       "id": 3,
       "protoName": "inter_op_thread_pool",
       "type": "int32"
      },
      "outputPartitionGraphs": {
       "id": 5,
       "protoName": "output_partition_graphs",
       "type": "bool"
      },
      "reportTensorAllocationsUponOom": {
       "id": 7,
       "protoName": "report_tensor_allocations_upon_oom",
       "type": "bool"
      },
      "timeoutInMs": {
       "id": 2,
       "protoName": "timeout_in_ms",
       "type": "int64"
      },
      "traceLevel": {
       "id": 1,
       "protoName": "trace_level",
       "type": "TraceLevel"
      }
     },
     "nested": {
      "Experimental": {
       "fields": {
        "collectiveGraphKey": {
         "id": 1,
         "protoName": "collective_graph_key",
         "type": "int64"
        },
        "runHandlerPoolOptions": {
         "id": 3,
         "protoName": "run_handler_pool_options",
         "type": "RunHandlerPoolOptions"
        },
        "useRunHandlerPool": {
         "id": 2,
         "protoName": "use_run_handler_pool",
         "type": "bool"
        }
       },
       "nested": {
        "RunHandlerPoolOptions": {
         "fields": {
          "priority": {
           "id": 1,
           "type": "int64"
          }
         }
        }
       }
      },
      "TraceLevel": {
       "values": {
        "NO_TRACE": 0,
        "SOFTWARE_TRACE": 1,
        "HARDWARE_TRACE": 2,
        "FULL_TRACE": 3
       }
      }
     },
     "reserved": [
      [
       4,
       4
      ]
     ]
    },
    "ScopedAllocatorOptions": {
     "fields": {
      "enableOp": {
       "id": 1,
       "protoName": "enable_op",
       "rule": "repeated",
       "type": "string"
      }
     }
    },
    "SequenceExample": {
     "fields": {
      "context": {
       "id": 1,
       "type": "Features"
      },
      "featureLists": {
       "id": 2,
       "protoName": "feature_lists",
       "type": "FeatureLists"
      }
     }
    },
    "SessionMetadata": {
     "fields": {
      "name": {
       "id": 1,
       "type": "string"
      },
      "version": {
       "id": 2,
       "type": "int64"
      }
     }
    },
    "SignatureDef": {
     "fields": {
      "defaults": {
       "id": 4,
       "keyType": "string",
       "type": "TensorProto"
      },
      "inputs": {
       "id": 1,
       "keyType": "string",
       "type": "TensorInfo"
      },
      "methodName": {
       "id": 3,
       "protoName": "method_name",
       "type": "string"
      },
      "outputs": {
       "id": 2,
       "keyType": "string",
       "type": "TensorInfo"
      }
     }
    },
    "StepStats": {
     "fields": {
      "devStats": {
       "id": 1,
       "protoName": "dev_stats",
       "rule": "repeated",
       "type": "DeviceStepStats"
      }
     }
    },
    "StructuredValue": {
     "fields": {
      "boolValue": {
       "id": 14,
       "protoName": "bool_value",
       "type": "bool"
      },
      "boundedTensorSpecValue": {
       "id": 35,
       "protoName": "bounded_tensor_spec_value",
       "type": "BoundedTensorSpecProto"
      },
      "dictValue": {
       "id": 53,
       "protoName": "dict_value",
       "type": "DictValue"
      },
      "float64Value": {
       "id": 11,
       "protoName": "float64_value",
       "type": "double"
      },
      "int64Value": {
       "id": 12,
       "protoName": "int64_value",
       "type": "sint64"
      },
      "listValue": {
       "id": 51,
       "protoName": "list_value",
       "type": "ListValue"
      },
      "namedTupleValue": {
       "id": 54,
       "protoName": "named_tuple_value",
       "type": "NamedTupleValue"
      },
      "noneValue": {
       "id": 1,
       "protoName": "none_value",
       "type": "NoneValue"
      },
      "numpyValue": {
       "id": 56,
       "protoName": "numpy_value",
       "type": "TensorProto"
      },
      "stringValue": {
       "id": 13,
       "protoName": "string_value",
       "type": "string"
      },
      "tensorDtypeValue": {
       "id": 32,
       "protoName": "tensor_dtype_value",
       "type": "DataType"
      },
      "tensorShapeValue": {
       "id": 31,
       "protoName": "tensor_shape_value",
       "type": "TensorShapeProto"
      },
      "tensorSpecValue": {
       "id": 33,
       "protoName": "tensor_spec_value",
       "type": "TensorSpecProto"
      },
      "tensorValue": {
       "id": 55,
       "protoName": "tensor_value",
       "type": "TensorProto"
      },
      "tupleValue": {
       "id": 52,
       "protoName": "tuple_value",
       "type": "TupleValue"
      },
      "typeSpecValue": {
       "id": 34,
       "protoName": "type_spec_value",
       "type": "TypeSpecProto"
      }
     },
     "oneofs": {
      "kind": {
       "oneof": [
        "noneValue",
        "float64Value",
        "int64Value",
        "stringValue",
        "boolValue",
        "tensorShapeValue",
        "tensorDtypeValue",
        "tensorSpecValue",
        "typeSpecValue",
        "boundedTensorSpecValue",
        "listValue",
        "tupleValue",
        "dictValue",
        "namedTupleValue",
        "tensorValue",
        "numpyValue"
       ]
      }
     }
    },
    "TensorDescription": {
     "fields": {
      "allocationDescription": {
       "id": 4,
       "protoName": "allocation_description",
       "type": "AllocationDescription"
      },
      "dtype": {
       "id": 1,
       "type": "DataType"
      },
      "shape": {
       "id": 2,
       "type": "TensorShapeProto"
      }
     }
    },
    "TensorInfo": {
     "fields": {
      "compositeTensor": {
       "id": 5,
       "protoName": "composite_tensor",
       "type": "CompositeTensor"
      },
      "cooSparse": {
       "id": 4,
       "protoName": "coo_sparse",
       "type": "CooSparse"
      },
      "dtype": {
       "id": 2,
       "type": "DataType"
      },
      "name": {
       "id": 1,
       "type": "string"
      },
      "tensorShape": {
       "id": 3,
       "protoName": "tensor_shape",
       "type": "TensorShapeProto"
      }
     },
     "nested": {
      "CompositeTensor": {
       "fields": {
        "components": {
         "id": 2,
         "rule": "repeated",
         "type": "TensorInfo"
        },
        "typeSpec": {
         "id": 1,
         "protoName": "type_spec",
         "type": "TypeSpecProto"
        }
       }
      },
      "CooSparse": {
       "fields": {
        "denseShapeTensorName": {
         "id": 3,
         "protoName": "dense_shape_tensor_name",
         "type": "string"
        },
        "indicesTensorName": {
         "id": 2,
         "protoName": "indices_tensor_name",
         "type": "string"
        },
        "valuesTensorName": {
         "id": 1,
         "protoName": "values_tensor_name",
         "type": "string"
        }
       }
      }
     },
     "oneofs": {
      "encoding": {
       "oneof": [
        "name",
        "cooSparse",
        "compositeTensor"
       ]
      }
     }
    },
    "TensorProto": {
     "fields": {
      "boolVal": {
       "id": 11,
       "protoName": "bool_val",
       "rule": "repeated",
       "type": "bool"
      },
      "dcomplexVal": {
       "id": 12,
       "protoName": "dcomplex_val",
       "rule": "repeated",
       "type": "double"
      },
      "doubleVal": {
       "id": 6,
       "protoName": "double_val",
       "rule": "repeated",
       "type": "double"
      },
      "dtype": {
       "id": 1,
       "type": "DataType"
      },
      "float8Val": {
       "id": 18,
       "protoName": "float8_val",
       "type": "bytes"
      },
      "floatVal": {
       "id": 5,
       "protoName": "float_val",
       "rule": "repeated",
       "type": "float"
      },
      "halfVal": {
       "id": 13,
       "protoName": "half_val",
       "rule": "repeated",
       "type": "int32"
      },
      "int64Val": {
       "id": 10,
       "protoName": "int64_val",
       "rule": "repeated",
       "type": "int64"
      },
      "intVal": {
       "id": 7,
       "protoName": "int_val",
       "rule": "repeated",
       "type": "int32"
      },
      "resourceHandleVal": {
       "id": 14,
       "protoName": "resource_handle_val",
       "rule": "repeated",
       "type": "ResourceHandleProto"
      },
      "scomplexVal": {
       "id": 9,
       "protoName": "scomplex_val",
       "rule": "repeated",
       "type": "float"
      },
      "stringVal": {
       "id": 8,
       "protoName": "string_val",
       "rule": "repeated",
       "type": "bytes"
      },
      "tensorContent": {
       "id": 4,
       "protoName": "tensor_content",
       "type": "bytes"
      },
      "tensorShape": {
       "id": 2,
       "protoName": "tensor_shape",
       "type": "TensorShapeProto"
      },
      "uint32Val": {
       "id": 16,
       "protoName": "uint32_val",
       "rule": "repeated",
       "type": "uint32"
      },
      "uint64Val": {
       "id": 17,
       "protoName": "uint64_val",
       "rule": "repeated",
       "type": "uint64"
      },
      "variantVal": {
       "id": 15,
       "protoName": "variant_val",
       "rule": "repeated",
       "type": "VariantTensorDataProto"
      },
      "versionNumber": {
       "id": 3,
       "protoName": "version_number",
       "type": "int32"
      }
     }
    },
    "TensorShapeProto": {
     "fields": {
      "dim": {
       "id": 2,
       "rule": "repeated",
       "type": "Dim"
      },
      "unknownRank": {
       "id": 3,
       "protoName": "unknown_rank",
       "type": "bool"
      }
     },
     "nested": {
      "Dim": {
       "fields": {
        "name": {
         "id": 2,
         "type": "string"
        },
        "size": {
         "id": 1,
         "type": "int64"
        }
       }
      }
     }
    },
    "TensorSpecProto": {
     "fields": {
      "dtype": {
       "id": 3,
       "type": "DataType"
      },
      "name": {
       "id": 1,
       "type": "string"
      },
      "shape": {
       "id": 2,
       "type": "TensorShapeProto"
      }
     }
    },
    "ThreadPoolOptionProto": {
     "fields": {
      "globalName": {
       "id": 2,
       "protoName": "global_name",
       "type": "string"
      },
      "numThreads": {
       "id": 1,
       "protoName": "num_threads",
       "type": "int32"
      }
     }
    },
    "TupleValue": {
     "fields": {
      "values": {
       "rule": "repeated",
       "type": "StructuredValue",
       "id": 1
      }
     }
    },
    "TypeSpecProto": {
     "fields": {
      "numFlatComponents": {
       "id": 4,
       "protoName": "num_flat_components",
       "type": "int32"
      },
      "typeSpecClass": {
       "id": 1,
       "protoName": "type_spec_class",
       "type": "TypeSpecClass"
      },
      "typeSpecClassName": {
       "id": 3,
       "protoName": "type_spec_class_name",
       "type": "string"
      },
      "typeState": {
       "id": 2,
       "protoName": "type_state",
       "type": "StructuredValue"
      }
     },
     "nested": {
      "TypeSpecClass": {
       "reserved": [
        [
         11,
         11
        ]
       ],
       "values": {
        "UNKNOWN": 0,
        "SPARSE_TENSOR_SPEC": 1,
        "INDEXED_SLICES_SPEC": 2,
        "RAGGED_TENSOR_SPEC": 3,
        "TENSOR_ARRAY_SPEC": 4,
        "DATA_DATASET_SPEC": 5,
        "DATA_ITERATOR_SPEC": 6,
        "OPTIONAL_SPEC": 7,
        "PER_REPLICA_SPEC": 8,
        "VARIABLE_SPEC": 9,
        "ROW_PARTITION_SPEC": 10,
        "REGISTERED_TYPE_SPEC": 12,
        "EXTENSION_TYPE_SPEC": 13
       }
      }
     }
    },
    "VariantTensorDataProto": {
     "fields": {
      "metadata": {
       "id": 2,
       "type": "bytes"
      },
      "tensors": {
       "id": 3,
       "rule": "repeated",
       "type": "TensorProto"
      },
      "typeName": {
       "id": 1,
       "protoName": "type_name",
       "type": "string"
      }
     }
    },
    "VerifierConfig": {
     "fields": {
      "structureVerifier": {
       "id": 2,
       "protoName": "structure_verifier",
       "type": "Toggle"
      },
      "verificationTimeoutInMs": {
       "id": 1,
       "protoName": "verification_timeout_in_ms",
       "type": "int64"
      }
     },
     "nested": {
      "Toggle": {
       "values": {
        "DEFAULT": 0,
        "ON": 1,
        "OFF": 2
       }
      }
     }
    },
    "VersionDef": {
     "fields": {
      "badConsumers": {
       "id": 3,
       "protoName": "bad_consumers",
       "rule": "repeated",
       "type": "int32"
      },
      "minConsumer": {
       "id": 2,
       "protoName": "min_consumer",
       "type": "int32"
      },
      "producer": {
       "id": 1,
       "type": "int32"
      }
     }
    },
    "error": {
     "nested": {
      "Code": {
       "values": {
        "OK": 0,
        "CANCELLED": 1,
        "UNKNOWN": 2,
        "INVALID_ARGUMENT": 3,
        "DEADLINE_EXCEEDED": 4,
        "NOT_FOUND": 5,
        "ALREADY_EXISTS": 6,
        "PERMISSION_DENIED": 7,
        "UNAUTHENTICATED": 16,
        "RESOURCE_EXHAUSTED": 8,
        "FAILED_PRECONDITION": 9,
        "ABORTED": 10,
        "OUT_OF_RANGE": 11,
        "UNIMPLEMENTED": 12,
        "INTERNAL": 13,
        "UNAVAILABLE": 14,
        "DATA_LOSS": 15,
        "DO_NOT_USE_RESERVED_FOR_FUTURE_EXPANSION_USE_DEFAULT_IN_SWITCH_INSTEAD_": 20
       }
      }
     },
     "options": {
      "cc_enable_arenas": true
     }
    },
    "serving": {
     "nested": {
      "BatchingParameters": {
       "fields": {
        "allowedBatchSizes": {
         "id": 6,
         "protoName": "allowed_batch_sizes",
         "rule": "repeated",
         "type": "int64"
        },
        "batchTimeoutMicros": {
         "id": 2,
         "protoName": "batch_timeout_micros",
         "type": "google.protobuf.Int64Value"
        },
        "enableLargeBatchSplitting": {
         "id": 8,
         "protoName": "enable_large_batch_splitting",
         "type": "google.protobuf.BoolValue"
        },
        "maxBatchSize": {
         "id": 1,
         "protoName": "max_batch_size",
         "type": "google.protobuf.Int64Value"
        },
        "maxEnqueuedBatches": {
         "id": 3,
         "protoName": "max_enqueued_batches",
         "type": "google.protobuf.Int64Value"
        },
        "maxExecutionBatchSize": {
         "id": 9,
         "protoName": "max_execution_batch_size",
         "type": "google.protobuf.Int64Value"
        },
        "numBatchThreads": {
         "id": 4,
         "protoName": "num_batch_threads",
         "type": "google.protobuf.Int64Value"
        },
        "padVariableLengthInputs": {
         "id": 7,
         "protoName": "pad_variable_length_inputs",
         "type": "bool"
        },
        "threadPoolName": {
         "id": 5,
         "protoName": "thread_pool_name",
         "type": "google.protobuf.StringValue"
        }
       }
      },
      "Class": {
       "fields": {
        "label": {
         "id": 1,
         "type": "string"
        },
        "score": {
         "id": 2,
         "type": "float"
        }
       }
      },
      "ClassificationRequest": {
       "fields": {
        "input": {
         "id": 2,
         "type": "Input"
        },
        "modelSpec": {
         "id": 1,
         "protoName": "model_spec",
         "type": "ModelSpec"
        }
       }
      },
      "ClassificationResponse": {
       "fields": {
        "modelSpec": {
         "id": 2,
         "protoName": "model_spec",
         "type": "ModelSpec"
        },
        "result": {
         "id": 1,
         "type": "ClassificationResult"
        }
       }
      },
      "ClassificationResult": {
       "fields": {
        "classifications": {
         "id": 1,
         "rule": "repeated",
         "type": "Classifications"
        }
       }
      },
      "Classifications": {
       "fields": {
        "classes": {
         "id": 1,
         "rule": "repeated",
         "type": "Class"
        }
       }
      },
      "ClassifyLog": {
       "fields": {
        "request": {
         "id": 1,
         "type": "ClassificationRequest"
        },
        "response": {
         "id": 2,
         "type": "ClassificationResponse"
        }
       }
      },
      "ExampleList": {
       "fields": {
        "examples": {
         "id": 1,
         "rule": "repeated",
         "type": "Example"
        }
       }
      },
      "ExampleListWithContext": {
       "fields": {
        "context": {
         "id": 2,
         "type": "Example"
        },
        "examples": {
         "id": 1,
         "rule": "repeated",
         "type": "Example"
        }
       }
      },
      "FileSystemStoragePathSourceConfig": {
       "fields": {
        "failIfZeroVersionsAtStartup": {
         "id": 4,
         "options": {
          "deprecated": true
         },
         "protoName": "fail_if_zero_versions_at_startup",
         "type": "bool"
        },
        "fileSystemPollWaitSeconds": {
         "id": 3,
         "protoName": "file_system_poll_wait_seconds",
         "type": "int64"
        },
        "servableVersionsAlwaysPresent": {
         "id": 6,
         "protoName": "servable_versions_always_present",
         "type": "bool"
        },
        "servables": {
         "id": 5,
         "rule": "repeated",
         "type": "ServableToMonitor"
        }
       },
       "nested": {
        "ServableToMonitor": {
         "fields": {
          "basePath": {
           "id": 2,
           "protoName": "base_path",
           "type": "string"
          },
          "servableName": {
           "id": 1,
           "protoName": "servable_name",
           "type": "string"
          },
          "servableVersionPolicy": {
           "id": 4,
           "protoName": "servable_version_policy",
           "type": "ServableVersionPolicy"
          }
         },
         "reserved": [
          [
           3,
           3
          ]
         ]
        },
        "ServableVersionPolicy": {
         "fields": {
          "all": {
           "id": 101,
           "type": "All"
          },
          "latest": {
           "id": 100,
           "type": "Latest"
          },
          "specific": {
           "id": 102,
           "type": "Specific"
          }
         },
         "nested": {
          "All": {
           "fields": {}
          },
          "Latest": {
           "fields": {
            "numVersions": {
             "id": 1,
             "protoName": "num_versions",
             "type": "uint32"
            }
           }
          },
          "Specific": {
           "fields": {
            "versions": {
             "id": 1,
             "rule": "repeated",
             "type": "int64"
            }
           }
          }
         },
         "oneofs": {
          "policyChoice": {
           "oneof": [
            "latest",
            "all",
            "specific"
           ]
          }
         }
        }
       },
       "reserved": [
        [
         1,
         1
        ],
        [
         2,
         2
        ]
       ]
      },
      "GetModelMetadataRequest": {
       "fields": {
        "metadataField": {
         "id": 2,
         "protoName": "metadata_field",
         "rule": "repeated",
         "type": "string"
        },
        "modelSpec": {
         "id": 1,
         "protoName": "model_spec",
         "type": "ModelSpec"
        }
       }
      },
      "GetModelMetadataResponse": {
       "fields": {
        "metadata": {
         "id": 2,
         "keyType": "string",
         "type": "google.protobuf.Any"
        },
        "modelSpec": {
         "id": 1,
         "protoName": "model_spec",
         "type": "ModelSpec"
        }
       }
      },
      "GetModelStatusRequest": {
       "fields": {
        "modelSpec": {
         "id": 1,
         "protoName": "model_spec",
         "type": "ModelSpec"
        }
       }
      },
      "GetModelStatusResponse": {
       "fields": {
        "modelVersionStatus": {
         "id": 1,
         "jsonName": "model_version_status",
         "options": {
          "json_name": "model_version_status"
         },
         "protoName": "model_version_status",
         "rule": "repeated",
         "type": "ModelVersionStatus"
        }
       }
      },
      "InferenceResult": {
       "fields": {
        "classificationResult": {
         "id": 2,
         "protoName": "classification_result",
         "type": "ClassificationResult"
        },
        "modelSpec": {
         "id": 1,
         "protoName": "model_spec",
         "type": "ModelSpec"
        },
        "regressionResult": {
         "id": 3,
         "protoName": "regression_result",
         "type": "RegressionResult"
        }
       },
       "oneofs": {
        "result": {
         "oneof": [
          "classificationResult",
          "regressionResult"
         ]
        }
       }
      },
      "InferenceTask": {
       "fields": {
        "methodName": {
         "id": 2,
         "protoName": "method_name",
         "type": "string"
        },
        "modelSpec": {
         "id": 1,
         "protoName": "model_spec",
         "type": "ModelSpec"
        }
       }
      },
      "Input": {
       "fields": {
        "exampleList": {
         "id": 1,
         "protoName": "example_list",
         "type": "ExampleList"
        },
        "exampleListWithContext": {
         "id": 2,
         "protoName": "example_list_with_context",
         "type": "ExampleListWithContext"
        }
       },
       "oneofs": {
        "kind": {
         "oneof": [
          "exampleList",
          "exampleListWithContext"
         ]
        }
       }
      },
      "LogCollectorConfig": {
       "fields": {
        "filenamePrefix": {
         "id": 2,
         "protoName": "filename_prefix",
         "type": "string"
        },
        "type": {
         "id": 1,
         "type": "string"
        }
       }
      },
      "LogMetadata": {
       "fields": {
        "dc": {
         "id": 5,
         "type": "string"
        },
        "modelSpec": {
         "id": 1,
         "protoName": "model_spec",
         "type": "ModelSpec"
        },
        "requestCriticality": {
         "id": 7,
         "protoName": "request_criticality",
         "type": "string"
        },
        "requestOrigin": {
         "id": 6,
         "protoName": "request_origin",
         "type": "string"
        },
        "safeAggregationPrivacyKey": {
         "id": 8,
         "protoName": "safe_aggregation_privacy_key",
         "type": "int64"
        },
        "samplingConfig": {
         "id": 2,
         "protoName": "sampling_config",
         "type": "SamplingConfig"
        },
        "savedModelTags": {
         "id": 3,
         "protoName": "saved_model_tags",
         "rule": "repeated",
         "type": "string"
        },
        "timestampSecs": {
         "id": 4,
         "protoName": "timestamp_secs",
         "type": "int64"
        }
       }
      },
      "LoggingConfig": {
       "fields": {
        "customLoggingConfig": {
         "id": 3,
         "protoName": "custom_logging_config",
         "type": "google.protobuf.Any"
        },
        "logCollectorConfig": {
         "id": 1,
         "protoName": "log_collector_config",
         "type": "LogCollectorConfig"
        },
        "samplingConfig": {
         "id": 2,
         "protoName": "sampling_config",
         "type": "SamplingConfig"
        }
       }
      },
      "Metric": {
       "fields": {
        "int64ValueIncrease": {
         "id": 2,
         "protoName": "int64_value_increase",
         "type": "int64"
        },
        "name": {
         "id": 1,
         "type": "string"
        }
       },
       "oneofs": {
        "valueIncrease": {
         "oneof": [
          "int64ValueIncrease"
         ]
        }
       }
      },
      "ModelConfig": {
       "fields": {
        "basePath": {
         "id": 2,
         "protoName": "base_path",
         "type": "string"
        },
        "loggingConfig": {
         "id": 6,
         "protoName": "logging_config",
         "type": "LoggingConfig"
        },
        "modelPlatform": {
         "id": 4,
         "protoName": "model_platform",
         "type": "string"
        },
        "modelType": {
         "id": 3,
         "options": {
          "deprecated": true
         },
         "protoName": "model_type",
         "type": "ModelType"
        },
        "modelVersionPolicy": {
         "id": 7,
         "protoName": "model_version_policy",
         "type": "FileSystemStoragePathSourceConfig.ServableVersionPolicy"
        },
        "name": {
         "id": 1,
         "type": "string"
        },
        "versionLabels": {
         "id": 8,
         "keyType": "string",
         "protoName": "version_labels",
         "type": "int64"
        }
       },
       "reserved": [
        [
         5,
         5
        ],
        [
         9,
         9
        ]
       ]
      },
      "ModelConfigList": {
       "fields": {
        "config": {
         "id": 1,
         "rule": "repeated",
         "type": "ModelConfig"
        }
       }
      },
      "ModelServerConfig": {
       "fields": {
        "customModelConfig": {
         "id": 2,
         "protoName": "custom_model_config",
         "type": "google.protobuf.Any"
        },
        "modelConfigList": {
         "id": 1,
         "protoName": "model_config_list",
         "type": "ModelConfigList"
        }
       },
       "oneofs": {
        "config": {
         "oneof": [
          "modelConfigList",
          "customModelConfig"
         ]
        }
       }
      },
      "ModelService": {
       "methods": {
        "GetModelStatus": {
         "requestType": "GetModelStatusRequest",
         "responseType": "GetModelStatusResponse"
        },
        "HandleReloadConfigRequest": {
         "requestType": "ReloadConfigRequest",
         "responseType": "ReloadConfigResponse"
        }
       }
      },
      "ModelSpec": {
       "fields": {
        "name": {
         "id": 1,
         "type": "string"
        },
        "signatureName": {
         "id": 3,
         "protoName": "signature_name",
         "type": "string"
        },
        "version": {
         "id": 2,
         "type": "google.protobuf.Int64Value"
        },
        "versionLabel": {
         "id": 4,
         "protoName": "version_label",
         "type": "string"
        }
       },
       "oneofs": {
        "versionChoice": {
         "oneof": [
          "version",
          "versionLabel"
         ]
        }
       }
      },
      "ModelType": {
       "values": {
        "MODEL_TYPE_UNSPECIFIED": 0,
        "TENSORFLOW": 1,
        "OTHER": 2
       },
       "valuesOptions": {
        "MODEL_TYPE_UNSPECIFIED": {
         "deprecated": true
        },
        "OTHER": {
         "deprecated": true
        },
        "TENSORFLOW": {
         "deprecated": true
        }
       }
      },
      "ModelVersionStatus": {
       "fields": {
        "state": {
         "id": 2,
         "type": "State"
        },
        "status": {
         "id": 3,
         "type": "StatusProto"
        },
        "version": {
         "id": 1,
         "type": "int64"
        }
       },
       "nested": {
        "State": {
         "values": {
          "UNKNOWN": 0,
          "START": 10,
          "LOADING": 20,
          "AVAILABLE": 30,
          "UNLOADING": 40,
          "END": 50
         }
        }
       }
      },
      "ModelWarmupOptions": {
       "fields": {
        "enableAllBatchSizesWarmup": {
         "id": 5,
         "protoName": "enable_all_batch_sizes_warmup",
         "type": "bool"
        },
        "modelName": {
         "id": 3,
         "protoName": "model_name",
         "type": "string"
        },
        "modelVersion": {
         "id": 4,
         "protoName": "model_version",
         "type": "int64"
        },
        "numModelWarmupThreads": {
         "id": 2,
         "protoName": "num_model_warmup_threads",
         "type": "google.protobuf.Int32Value"
        },
        "numRequestIterations": {
         "id": 1,
         "protoName": "num_request_iterations",
         "type": "google.protobuf.Int32Value"
        }
       }
      },
      "MonitoringConfig": {
       "fields": {
        "prometheusConfig": {
         "id": 1,
         "protoName": "prometheus_config",
         "type": "PrometheusConfig"
        }
       }
      },
      "MultiInferenceLog": {
       "fields": {
        "request": {
         "id": 1,
         "type": "MultiInferenceRequest"
        },
        "response": {
         "id": 2,
         "type": "MultiInferenceResponse"
        }
       }
      },
      "MultiInferenceRequest": {
       "fields": {
        "input": {
         "id": 2,
         "type": "Input"
        },
        "tasks": {
         "id": 1,
         "rule": "repeated",
         "type": "InferenceTask"
        }
       }
      },
      "MultiInferenceResponse": {
       "fields": {
        "results": {
         "id": 1,
         "rule": "repeated",
         "type": "InferenceResult"
        }
       }
      },
      "PerTaskSamplingConfig": {
       "fields": {
        "dc": {
         "id": 1,
         "type": "string"
        },
        "samplingRate": {
         "id": 3,
         "protoName": "sampling_rate",
         "type": "double"
        },
        "taskIndex": {
         "id": 2,
         "options": {
          "proto3_optional": true
         },
         "protoName": "task_index",
         "type": "int32"
        }
       },
       "oneofs": {
        "_taskIndex": {
         "oneof": [
          "taskIndex"
         ]
        }
       }
      },
      "PlatformConfig": {
       "fields": {
        "sourceAdapterConfig": {
         "id": 1,
         "protoName": "source_adapter_config",
         "type": "google.protobuf.Any"
        }
       }
      },
      "PlatformConfigMap": {
       "fields": {
        "platformConfigs": {
         "id": 1,
         "keyType": "string",
         "protoName": "platform_configs",
         "type": "PlatformConfig"
        }
       }
      },
      "PredictLog": {
       "fields": {
        "request": {
         "id": 1,
         "type": "PredictRequest"
        },
        "response": {
         "id": 2,
         "type": "PredictResponse"
        }
       }
      },
      "PredictRequest": {
       "fields": {
        "clientId": {
         "id": 6,
         "options": {
          "proto3_optional": true
         },
         "protoName": "client_id",
         "type": "bytes"
        },
        "inputs": {
         "id": 2,
         "keyType": "string",
         "type": "TensorProto"
        },
        "modelSpec": {
         "id": 1,
         "protoName": "model_spec",
         "type": "ModelSpec"
        },
        "outputFilter": {
         "id": 3,
         "protoName": "output_filter",
         "rule": "repeated",
         "type": "string"
        },
        "predictStreamedOptions": {
         "id": 5,
         "protoName": "predict_streamed_options",
         "type": "PredictStreamedOptions"
        },
        "requestOptions": {
         "id": 7,
         "options": {
          "proto3_optional": true
         },
         "protoName": "request_options",
         "type": "RequestOptions"
        }
       },
       "nested": {
        "RequestOptions": {
         "fields": {
          "clientId": {
           "id": 1,
           "options": {
            "proto3_optional": true
           },
           "protoName": "client_id",
           "type": "bytes"
          },
          "deterministicMode": {
           "id": 2,
           "options": {
            "proto3_optional": true
           },
           "protoName": "deterministic_mode",
           "type": "DeterministicMode"
          },
          "maxCacheLength": {
           "id": 6,
           "options": {
            "proto3_optional": true
           },
           "protoName": "max_cache_length",
           "type": "int64"
          },
          "returnAdditionalArraysFromPrefill": {
           "id": 3,
           "options": {
            "proto3_optional": true
           },
           "protoName": "return_additional_arrays_from_prefill",
           "type": "bool"
          },
          "returnAllStoptokens": {
           "id": 9,
           "options": {
            "proto3_optional": true
           },
           "protoName": "return_all_stoptokens",
           "type": "bool"
          },
          "returnStoptokens": {
           "id": 4,
           "protoName": "return_stoptokens",
           "rule": "repeated",
           "type": "int64"
          }
         },
         "nested": {
          "DeterministicMode": {
           "values": {
            "DETERMINISTIC_MODE_UNSPECIFIED": 0,
            "FIXED_DECODER_SLOT": 1
           }
          }
         },
         "oneofs": {
          "_clientId": {
           "oneof": [
            "clientId"
           ]
          },
          "_deterministicMode": {
           "oneof": [
            "deterministicMode"
           ]
          },
          "_maxCacheLength": {
           "oneof": [
            "maxCacheLength"
           ]
          },
          "_returnAdditionalArraysFromPrefill": {
           "oneof": [
            "returnAdditionalArraysFromPrefill"
           ]
          },
          "_returnAllStoptokens": {
           "oneof": [
            "returnAllStoptokens"
           ]
          }
         }
        }
       },
       "oneofs": {
        "_clientId": {
         "oneof": [
          "clientId"
         ]
        },
        "_requestOptions": {
         "oneof": [
          "requestOptions"
         ]
        }
       },
       "reserved": [
        [
         4,
         4
        ]
       ]
      },
      "PredictResponse": {
       "fields": {
        "modelSpec": {
         "id": 2,
         "protoName": "model_spec",
         "type": "ModelSpec"
        },
        "outputs": {
         "id": 1,
         "keyType": "string",
         "type": "TensorProto"
        }
       }
      },
      "PredictStreamedLog": {
       "fields": {
        "request": {
         "id": 1,
         "rule": "repeated",
         "type": "PredictRequest"
        },
        "response": {
         "id": 2,
         "rule": "repeated",
         "type": "PredictResponse"
        }
       }
      },
      "PredictStreamedOptions": {
       "fields": {
        "requestState": {
         "id": 1,
         "protoName": "request_state",
         "type": "RequestState"
        },
        "returnSingleResponse": {
         "id": 3,
         "protoName": "return_single_response",
         "type": "bool"
        },
        "splitDimensions": {
         "id": 2,
         "keyType": "string",
         "protoName": "split_dimensions",
         "type": "int32"
        }
       },
       "nested": {
        "RequestState": {
         "values": {
          "NONE": 0,
          "SPLIT": 1,
          "END_SPLIT": 2,
          "CANCEL": 3
         }
        }
       }
      },
      "PredictionLog": {
       "fields": {
        "classifyLog": {
         "id": 2,
         "protoName": "classify_log",
         "type": "ClassifyLog"
        },
        "logMetadata": {
         "id": 1,
         "protoName": "log_metadata",
         "type": "LogMetadata"
        },
        "multiInferenceLog": {
         "id": 4,
         "protoName": "multi_inference_log",
         "type": "MultiInferenceLog"
        },
        "predictLog": {
         "id": 6,
         "protoName": "predict_log",
         "type": "PredictLog"
        },
        "predictStreamedLog": {
         "id": 7,
         "protoName": "predict_streamed_log",
         "type": "PredictStreamedLog"
        },
        "regressLog": {
         "id": 3,
         "protoName": "regress_log",
         "type": "RegressLog"
        },
        "sessionRunLog": {
         "id": 5,
         "protoName": "session_run_log",
         "type": "SessionRunLog"
        }
       },
       "oneofs": {
        "logType": {
         "oneof": [
          "classifyLog",
          "regressLog",
          "multiInferenceLog",
          "sessionRunLog",
          "predictLog",
          "predictStreamedLog"
         ]
        }
       }
      },
      "PredictionService": {
       "methods": {
        "Classify": {
         "requestType": "ClassificationRequest",
         "responseType": "ClassificationResponse"
        },
        "GetModelMetadata": {
         "requestType": "GetModelMetadataRequest",
         "responseType": "GetModelMetadataResponse"
        },
        "MultiInference": {
         "requestType": "MultiInferenceRequest",
         "responseType": "MultiInferenceResponse"
        },
        "Predict": {
         "requestType": "PredictRequest",
         "responseType": "PredictResponse"
        },
        "PredictStreamed": {
         "requestStream": true,
         "requestType": "PredictRequest",
         "responseStream": true,
         "responseType": "PredictResponse"
        },
        "Regress": {
         "requestType": "RegressionRequest",
         "responseType": "RegressionResponse"
        }
       }
      },
      "PrometheusConfig": {
       "fields": {
        "enable": {
         "id": 1,
         "type": "bool"
        },
        "path": {
         "id": 2,
         "type": "string"
        }
       }
      },
      "RegressLog": {
       "fields": {
        "request": {
         "id": 1,
         "type": "RegressionRequest"
        },
        "response": {
         "id": 2,
         "type": "RegressionResponse"
        }
       }
      },
      "Regression": {
       "fields": {
        "value": {
         "id": 1,
         "type": "float"
        }
       }
      },
      "RegressionRequest": {
       "fields": {
        "input": {
         "id": 2,
         "type": "Input"
        },
        "modelSpec": {
         "id": 1,
         "protoName": "model_spec",
         "type": "ModelSpec"
        }
       }
      },
      "RegressionResponse": {
       "fields": {
        "modelSpec": {
         "id": 2,
         "protoName": "model_spec",
         "type": "ModelSpec"
        },
        "result": {
         "id": 1,
         "type": "RegressionResult"
        }
       }
      },
      "RegressionResult": {
       "fields": {
        "regressions": {
         "id": 1,
         "rule": "repeated",
         "type": "Regression"
        }
       }
      },
      "ReloadConfigRequest": {
       "fields": {
        "config": {
         "id": 1,
         "type": "ModelServerConfig"
        },
        "metricNames": {
         "id": 2,
         "protoName": "metric_names",
         "rule": "repeated",
         "type": "string"
        }
       }
      },
      "ReloadConfigResponse": {
       "fields": {
        "metric": {
         "id": 2,
         "rule": "repeated",
         "type": "Metric"
        },
        "status": {
         "id": 1,
         "type": "StatusProto"
        }
       }
      },
      "SSLConfig": {
       "fields": {
        "clientVerify": {
         "id": 4,
         "protoName": "client_verify",
         "type": "bool"
        },
        "customCa": {
         "id": 3,
         "protoName": "custom_ca",
         "type": "string"
        },
        "serverCert": {
         "id": 2,
         "protoName": "server_cert",
         "type": "string"
        },
        "serverKey": {
         "id": 1,
         "protoName": "server_key",
         "type": "string"
        }
       }
      },
      "SamplingConfig": {
       "fields": {
        "attributes": {
         "id": 2,
         "type": "int32"
        },
        "perTaskSamplingConfigs": {
         "id": 3,
         "protoName": "per_task_sampling_configs",
         "rule": "repeated",
         "type": "PerTaskSamplingConfig"
        },
        "samplingRate": {
         "id": 1,
         "protoName": "sampling_rate",
         "type": "double"
        }
       },
       "nested": {
        "Attributes": {
         "values": {
          "ATTR_DEFAULT": 0,
          "ATTR_REQUEST_ORIGIN": 1,
          "ATTR_REQUEST_CRITICALITY": 2
         }
        }
       }
      },
      "SavedModelBundleSourceAdapterConfig": {
       "fields": {
        "legacyConfig": {
         "id": 1000,
         "protoName": "legacy_config",
         "type": "SessionBundleConfig"
        }
       }
      },
      "SavedModelConfig": {
       "fields": {
        "critical": {
         "id": 3,
         "type": "bool"
        }
       },
       "reserved": [
        [
         1,
         1
        ],
        [
         2,
         2
        ],
        "session_overrides",
        "tfrt_runtime_config"
       ]
      },
      "SessionBundleConfig": {
       "fields": {
        "batchingParameters": {
         "id": 3,
         "protoName": "batching_parameters",
         "type": "BatchingParameters"
        },
        "enableModelWarmup": {
         "id": 779,
         "protoName": "enable_model_warmup",
         "type": "bool"
        },
        "enablePerModelBatchingParams": {
         "id": 789,
         "protoName": "enable_per_model_batching_params",
         "type": "bool"
        },
        "enableSavedModelConfig": {
         "id": 790,
         "protoName": "enable_saved_model_config",
         "type": "bool"
        },
        "enableSessionMetadata": {
         "id": 781,
         "protoName": "enable_session_metadata",
         "type": "bool"
        },
        "experimentalFixedInputTensors": {
         "id": 778,
         "protoName": "experimental_fixed_input_tensors",
         "rule": "repeated",
         "type": "NamedTensorProto"
        },
        "experimentalTransientRamBytesDuringLoad": {
         "id": 5,
         "protoName": "experimental_transient_ram_bytes_during_load",
         "type": "uint64"
        },
        "mixedPrecision": {
         "id": 791,
         "protoName": "mixed_precision",
         "type": "string"
        },
        "modelWarmupOptions": {
         "id": 780,
         "protoName": "model_warmup_options",
         "type": "ModelWarmupOptions"
        },
        "numTfliteInterpreters": {
         "id": 785,
         "options": {
          "deprecated": true
         },
         "protoName": "num_tflite_interpreters",
         "type": "int32"
        },
        "numTfliteInterpretersPerPool": {
         "id": 786,
         "protoName": "num_tflite_interpreters_per_pool",
         "type": "int32"
        },
        "numTflitePools": {
         "id": 787,
         "protoName": "num_tflite_pools",
         "type": "int32"
        },
        "preferTfliteModel": {
         "id": 783,
         "protoName": "prefer_tflite_model",
         "type": "bool"
        },
        "removeUnusedFieldsFromBundleMetagraph": {
         "id": 782,
         "protoName": "remove_unused_fields_from_bundle_metagraph",
         "type": "bool"
        },
        "resourceEstimationUsesValidationResult": {
         "id": 784,
         "protoName": "resource_estimation_uses_validation_result",
         "type": "bool"
        },
        "savedModelTags": {
         "id": 6,
         "protoName": "saved_model_tags",
         "rule": "repeated",
         "type": "string"
        },
        "sessionConfig": {
         "id": 2,
         "protoName": "session_config",
         "type": "ConfigProto"
        },
        "sessionRunLoadThreadpoolIndex": {
         "id": 4,
         "protoName": "session_run_load_threadpool_index",
         "type": "google.protobuf.Int32Value"
        },
        "sessionTarget": {
         "id": 1,
         "protoName": "session_target",
         "type": "string"
        },
        "wrapSessionWithNoThreadingParams": {
         "id": 788,
         "protoName": "wrap_session_with_no_threading_params",
         "type": "bool"
        }
       },
       "reserved": [
        [
         7,
         7
        ],
        "in_graph_batching_parameters"
       ]
      },
      "SessionRunLog": {
       "fields": {
        "request": {
         "id": 1,
         "type": "SessionRunRequest"
        },
        "response": {
         "id": 2,
         "type": "SessionRunResponse"
        }
       }
      },
      "SessionRunRequest": {
       "fields": {
        "feed": {
         "id": 2,
         "rule": "repeated",
         "type": "NamedTensorProto"
        },
        "fetch": {
         "id": 3,
         "rule": "repeated",
         "type": "string"
        },
        "modelSpec": {
         "id": 1,
         "protoName": "model_spec",
         "type": "ModelSpec"
        },
        "options": {
         "id": 5,
         "type": "RunOptions"
        },
        "target": {
         "id": 4,
         "rule": "repeated",
         "type": "string"
        },
        "tensorNameIsAlias": {
         "id": 6,
         "protoName": "tensor_name_is_alias",
         "type": "bool"
        }
       }
      },
      "SessionRunResponse": {
       "fields": {
        "metadata": {
         "id": 2,
         "type": "RunMetadata"
        },
        "modelSpec": {
         "id": 3,
         "protoName": "model_spec",
         "type": "ModelSpec"
        },
        "tensor": {
         "id": 1,
         "rule": "repeated",
         "type": "NamedTensorProto"
        }
       }
      },
      "SessionService": {
       "methods": {
        "SessionRun": {
         "requestType": "SessionRunRequest",
         "responseType": "SessionRunResponse"
        }
       }
      },
      "SignatureDefMap": {
       "fields": {
        "signatureDef": {
         "id": 1,
         "keyType": "string",
         "protoName": "signature_def",
         "type": "SignatureDef"
        }
       }
      },
      "StatusProto": {
       "fields": {
        "errorCode": {
         "id": 1,
         "jsonName": "error_code",
         "options": {
          "json_name": "error_code"
         },
         "protoName": "error_code",
         "type": "error.Code"
        },
        "errorMessage": {
         "id": 2,
         "jsonName": "error_message",
         "options": {
          "json_name": "error_message"
         },
         "protoName": "error_message",
         "type": "string"
        }
       }
      },
      "ThreadPoolFactoryConfig": {
       "fields": {
        "threadPoolFactoryConfig": {
         "id": 1,
         "protoName": "thread_pool_factory_config",
         "type": "google.protobuf.Any"
        }
       }
      },
      "internal": {
       "nested": {
        "SerializedExampleList": {
         "fields": {
          "examples": {
           "id": 1,
           "rule": "repeated",
           "type": "bytes"
          }
         }
        },
        "SerializedExampleListWithContext": {
         "fields": {
          "context": {
           "id": 2,
           "type": "bytes"
          },
          "examples": {
           "id": 1,
           "rule": "repeated",
           "type": "bytes"
          }
         }
        },
        "SerializedInput": {
         "fields": {
          "exampleList": {
           "id": 1,
           "protoName": "example_list",
           "type": "SerializedExampleList"
          },
          "exampleListWithContext": {
           "id": 2,
           "protoName": "example_list_with_context",
           "type": "SerializedExampleListWithContext"
          }
         },
         "oneofs": {
          "kind": {
           "oneof": [
            "exampleList",
            "exampleListWithContext"
           ]
          }
         }
        }
       },
       "options": {
        "cc_enable_arenas": true
       }
      }
     },
     "options": {
      "cc_enable_arenas": true
     }
    }
   },
   "options": {
    "cc_enable_arenas": true
   }
  }
 }
}`) as INamespace;
