//! The functions of TensorFlow's C API that this crate calls, looked up once in the opened library.
//!
//! The signatures follow `tensorflow/c/c_api.h`, `tf_tensor.h`, `tf_status.h` and `tf_tstring.h`,
//! which keep their binary interface through every 2.x release. Nothing outside this crate sees a
//! raw pointer.

use std::ffi::{c_char, c_int, c_uchar, c_void};

use libloading::os::unix::Library as DynamicLibrary;

/// Declares an opaque C type, which exists only behind pointers.
macro_rules! opaque {
    ($($name:ident),+ $(,)?) => {$(
        #[repr(C)]
        pub(crate) struct $name {
            _private: [u8; 0],
        }
    )+};
}

opaque!(
    TfDeviceList,
    TfGraph,
    TfLibrary,
    TfOperation,
    TfOperationDescription,
    TfSession,
    TfSessionOptions,
    TfStatus,
    TfTensor,
);

/// `TF_Buffer`: bytes and who frees them. Also built on the stack to lend bytes to a call.
#[repr(C)]
pub(crate) struct TfBuffer {
    pub data: *const c_void,
    pub length: usize,
    pub data_deallocator: Option<unsafe extern "C" fn(data: *mut c_void, length: usize)>,
}

/// `TF_Output`: output number `index` of an operation.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct TfOutput {
    pub oper: *mut TfOperation,
    pub index: c_int,
}

/// `TF_TString`: one element of a string tensor. All zeros is the empty string.
#[repr(C, align(8))]
pub(crate) struct TfTString {
    raw: [u8; 24],
}

const _: () = assert!(size_of::<TfTString>() == 24);

/// Frees the memory handed to `TF_NewTensor`.
pub(crate) type Deallocator =
    unsafe extern "C" fn(data: *mut c_void, length: usize, argument: *mut c_void);

/// Makes the function table: a field a function, filled by one look-up each.
macro_rules! function_table {
    (
        required { $($field:ident = $symbol:literal : fn($($argument:ty),* $(,)?) $(-> $result:ty)?;)+ }
        optional { $($option:ident = $option_symbol:literal : fn($($option_argument:ty),* $(,)?) $(-> $option_result:ty)?;)+ }
    ) => {
        /// Pointers into the library, which stays open until the process ends.
        pub(crate) struct Api {
            $(pub $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)+
            $(pub $option: Option<unsafe extern "C" fn($($option_argument),*) $(-> $option_result)?>,)+
        }

        impl Api {
            /// Looks up every function. The error is the name of the first required one that is
            /// missing.
            ///
            /// # Safety
            /// `library` must be a libtensorflow of a 2.x release and must never be closed.
            pub(crate) unsafe fn resolve(library: &DynamicLibrary) -> Result<Self, &'static str> {
                Ok(Self {
                    $($field: {
                        // SAFETY: the symbol is a function of the C API with exactly this
                        // signature.
                        let symbol = unsafe { library.get(concat!($symbol, "\0").as_bytes()) };
                        *symbol.map_err(|_| $symbol)?
                    },)+
                    $($option: {
                        // SAFETY: as above.
                        let symbol = unsafe { library.get(concat!($option_symbol, "\0").as_bytes()) };
                        symbol.ok().map(|symbol| *symbol)
                    },)+
                })
            }
        }
    };
}

function_table! {
    required {
        new_status = "TF_NewStatus": fn() -> *mut TfStatus;
        delete_status = "TF_DeleteStatus": fn(*mut TfStatus);
        get_code = "TF_GetCode": fn(*const TfStatus) -> c_int;
        message = "TF_Message": fn(*const TfStatus) -> *const c_char;

        new_buffer = "TF_NewBuffer": fn() -> *mut TfBuffer;
        delete_buffer = "TF_DeleteBuffer": fn(*mut TfBuffer);

        data_type_size = "TF_DataTypeSize": fn(c_int) -> usize;
        new_tensor = "TF_NewTensor": fn(c_int, *const i64, c_int, *mut c_void, usize, Deallocator, *mut c_void) -> *mut TfTensor;
        allocate_tensor = "TF_AllocateTensor": fn(c_int, *const i64, c_int, usize) -> *mut TfTensor;
        delete_tensor = "TF_DeleteTensor": fn(*mut TfTensor);
        tensor_type = "TF_TensorType": fn(*const TfTensor) -> c_int;
        num_dims = "TF_NumDims": fn(*const TfTensor) -> c_int;
        dim = "TF_Dim": fn(*const TfTensor, c_int) -> i64;
        tensor_byte_size = "TF_TensorByteSize": fn(*const TfTensor) -> usize;
        tensor_data = "TF_TensorData": fn(*const TfTensor) -> *mut c_void;

        string_init = "TF_StringInit": fn(*mut TfTString);
        string_copy = "TF_StringCopy": fn(*mut TfTString, *const c_char, usize);
        string_data = "TF_StringGetDataPointer": fn(*const TfTString) -> *const c_char;
        string_size = "TF_StringGetSize": fn(*const TfTString) -> usize;
        string_dealloc = "TF_StringDealloc": fn(*mut TfTString);

        new_graph = "TF_NewGraph": fn() -> *mut TfGraph;
        delete_graph = "TF_DeleteGraph": fn(*mut TfGraph);
        graph_operation_by_name = "TF_GraphOperationByName": fn(*mut TfGraph, *const c_char) -> *mut TfOperation;
        new_operation = "TF_NewOperation": fn(*mut TfGraph, *const c_char, *const c_char) -> *mut TfOperationDescription;
        add_input = "TF_AddInput": fn(*mut TfOperationDescription, TfOutput);
        set_attr_type = "TF_SetAttrType": fn(*mut TfOperationDescription, *const c_char, c_int);
        finish_operation = "TF_FinishOperation": fn(*mut TfOperationDescription, *mut TfStatus) -> *mut TfOperation;
        operation_num_outputs = "TF_OperationNumOutputs": fn(*mut TfOperation) -> c_int;
        operation_output_type = "TF_OperationOutputType": fn(TfOutput) -> c_int;

        new_session_options = "TF_NewSessionOptions": fn() -> *mut TfSessionOptions;
        delete_session_options = "TF_DeleteSessionOptions": fn(*mut TfSessionOptions);
        set_config = "TF_SetConfig": fn(*mut TfSessionOptions, *const c_void, usize, *mut TfStatus);
        load_session_from_saved_model = "TF_LoadSessionFromSavedModel": fn(
            *const TfSessionOptions,
            *const TfBuffer,
            *const c_char,
            *const *const c_char,
            c_int,
            *mut TfGraph,
            *mut TfBuffer,
            *mut TfStatus,
        ) -> *mut TfSession;
        new_session = "TF_NewSession": fn(*mut TfGraph, *const TfSessionOptions, *mut TfStatus) -> *mut TfSession;
        close_session = "TF_CloseSession": fn(*mut TfSession, *mut TfStatus);
        delete_session = "TF_DeleteSession": fn(*mut TfSession, *mut TfStatus);
        session_run = "TF_SessionRun": fn(
            *mut TfSession,
            *const TfBuffer,
            *const TfOutput,
            *const *mut TfTensor,
            c_int,
            *const TfOutput,
            *mut *mut TfTensor,
            c_int,
            *const *const TfOperation,
            c_int,
            *mut TfBuffer,
            *mut TfStatus,
        );

        session_list_devices = "TF_SessionListDevices": fn(*mut TfSession, *mut TfStatus) -> *mut TfDeviceList;
        delete_device_list = "TF_DeleteDeviceList": fn(*mut TfDeviceList);
        device_list_count = "TF_DeviceListCount": fn(*const TfDeviceList) -> c_int;
        device_list_name = "TF_DeviceListName": fn(*const TfDeviceList, c_int, *mut TfStatus) -> *const c_char;
        device_list_type = "TF_DeviceListType": fn(*const TfDeviceList, c_int, *mut TfStatus) -> *const c_char;
        device_list_memory_bytes = "TF_DeviceListMemoryBytes": fn(*const TfDeviceList, c_int, *mut TfStatus) -> i64;

        load_library = "TF_LoadLibrary": fn(*const c_char, *mut TfStatus) -> *mut TfLibrary;
    }
    optional {
        // Newer than the oldest release supported, or experimental: each has a fallback.
        tensor_default_alignment = "TF_TensorDefaultAlignment": fn() -> usize;
        tensor_maybe_move = "TF_TensorMaybeMove": fn(*mut TfTensor) -> *mut TfTensor;
        op_is_stateful = "TF_OpIsStateful": fn(*const c_char, *mut TfStatus) -> c_uchar;
    }
}
