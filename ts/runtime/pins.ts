import type { PinTable } from './pinned-wheel.js';

/**
 * The wheels known in advance. Written by scripts/pin-runtime.mjs; do not edit.
 *
 * Every library was downloaded, inflated and hashed whole, and its hash found equal to the wheel's RECORD. The wheels' own
 * hashes and those of NVIDIA's wheels are as the index lists them.
 */
export const PIN_TABLE: PinTable = {
  wheels: [
    {
      version: '2.21.0',
      variant: 'cpu',
      platform: 'linux',
      arch: 'x64',
      project: 'tensorflow-cpu',
      filename: 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
      size: 273829956,
      sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
      members: [
        {
          name: 'tensorflow/libtensorflow_cc.so.2',
          compressedSize: 172436101,
          size: 788086608,
          loadedSize: 583057224,
          sha256: '6505a4b9657e62100c6bdacb683957a395cb047725042945aaa50e40a71e429e',
        },
        {
          name: 'tensorflow/libtensorflow_framework.so.2',
          compressedSize: 19634637,
          size: 65222328,
          loadedSize: 51369384,
          sha256: 'f060b323b26ef80add21b9df9428de3aeaf2843d772c5bb098745f7abff3709b',
        },
      ],
    },
    {
      version: '2.21.0',
      variant: 'cuda12',
      platform: 'linux',
      arch: 'x64',
      project: 'tensorflow',
      filename: 'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
      size: 572440367,
      sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
      members: [
        {
          name: 'tensorflow/libtensorflow_cc.so.2',
          compressedSize: 358122329,
          size: 1096372272,
          loadedSize: 876489688,
          sha256: '2889ecc99d7641620f41a4bea538f4dd4b626f75aa3e12623161ae939054191c',
        },
        {
          name: 'tensorflow/libtensorflow_framework.so.2',
          compressedSize: 68971088,
          size: 162648808,
          loadedSize: 138636080,
          sha256: '98847c6f0448308159f6d3ff55e13a9e92978598c7fbb34cde63aadf35c6fe84',
        },
      ],
    },
    {
      version: '2.21.0',
      variant: 'cpu',
      platform: 'linux',
      arch: 'arm64',
      project: 'tensorflow',
      filename: 'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_aarch64.whl',
      size: 281828020,
      sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
      members: [
        {
          name: 'tensorflow/libtensorflow_cc.so.2',
          compressedSize: 174232033,
          size: 814885544,
          loadedSize: 547057256,
          sha256: '5f7de6ba6478ed7b83767a6e661e3e6e6931b05c64db14ba98250e52316a007c',
        },
        {
          name: 'tensorflow/libtensorflow_framework.so.2',
          compressedSize: 20111565,
          size: 68176664,
          loadedSize: 50678896,
          sha256: 'deade33b9ab90ff468fd1d1f8f6079bec5a3a507cf2d13c3218aa8beec28aeb3',
        },
      ],
    },
    {
      version: '2.21.0',
      variant: 'cpu',
      platform: 'darwin',
      arch: 'arm64',
      project: 'tensorflow',
      filename: 'tensorflow-2.21.0-cp311-cp311-macosx_12_0_arm64.whl',
      size: 223405849,
      sha256: '51f46f4806139d01fc7920cc72a4c75876f80649bf40ff083ab6212ceb43ca88',
      members: [
        {
          name: 'tensorflow/libtensorflow_cc.2.dylib',
          compressedSize: 136245949,
          size: 691352648,
          loadedSize: 691352648,
          sha256: '753272d059c7be51f64369aaa8e12ac514ce372e0c4ba66f3cc49ec3b1c33384',
        },
        {
          name: 'tensorflow/libtensorflow_framework.2.dylib',
          compressedSize: 14969465,
          size: 49452976,
          loadedSize: 49452976,
          sha256: 'e581d6db9e26f13e49327427e5d304cecbfe45d3467db7700e058857a4fd76bb',
        },
      ],
    },
  ],
  nvidia: {
    '2.21.0': [
      {
        project: 'nvidia-cublas-cu12',
        filename: 'nvidia_cublas_cu12-12.9.3.13-py3-none-manylinux_2_27_x86_64.whl',
        size: 581217458,
        sha256: 'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
      },
      {
        project: 'nvidia-cuda-cupti-cu12',
        filename: 'nvidia_cuda_cupti_cu12-12.9.79-py3-none-manylinux_2_25_x86_64.whl',
        size: 10814997,
        sha256: '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f',
      },
      {
        project: 'nvidia-cuda-nvcc-cu12',
        filename:
          'nvidia_cuda_nvcc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        size: 40546229,
        sha256: '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
      },
      {
        project: 'nvidia-cuda-nvrtc-cu12',
        filename:
          'nvidia_cuda_nvrtc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        size: 89568129,
        sha256: '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
      },
      {
        project: 'nvidia-cuda-runtime-cu12',
        filename:
          'nvidia_cuda_runtime_cu12-12.9.79-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        size: 3493179,
        sha256: '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
      },
      {
        project: 'nvidia-cudnn-cu12',
        filename: 'nvidia_cudnn_cu12-9.28.0.42-py3-none-manylinux_2_27_x86_64.whl',
        size: 716538495,
        sha256: '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375',
      },
      {
        project: 'nvidia-cufft-cu12',
        filename:
          'nvidia_cufft_cu12-11.4.1.4-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        size: 200877592,
        sha256: 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
      },
      {
        project: 'nvidia-curand-cu12',
        filename: 'nvidia_curand_cu12-10.3.10.19-py3-none-manylinux_2_27_x86_64.whl',
        size: 68295626,
        sha256: '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
      },
      {
        project: 'nvidia-cusolver-cu12',
        filename: 'nvidia_cusolver_cu12-11.7.5.82-py3-none-manylinux_2_27_x86_64.whl',
        size: 338117415,
        sha256: '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
      },
      {
        project: 'nvidia-cusparse-cu12',
        filename:
          'nvidia_cusparse_cu12-12.5.10.65-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        size: 366465088,
        sha256: '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
      },
      {
        project: 'nvidia-nccl-cu12',
        filename: 'nvidia_nccl_cu12-2.32.3-py3-none-manylinux_2_27_x86_64.whl',
        size: 351526311,
        sha256: 'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c',
      },
      {
        project: 'nvidia-nvjitlink-cu12',
        filename:
          'nvidia_nvjitlink_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        size: 39748338,
        sha256: 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
      },
    ],
  },
};
