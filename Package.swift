// swift-tools-version: 6.2
import PackageDescription

// The house stands on floors: a target imports only from lower floors, never sideways.
// docs/DESIGN.md draws the same map; `make check` builds with the import check that enforces it.

let room: [SwiftSetting] = [.strictMemorySafety(), .treatAllWarnings(as: .error)]

// One kernel source, three sets of flags, and a fourth for bfloat16: without the FMA target feature a SIMD multiply-add
// becomes one libm call per lane. `Kernels` chooses among them once, by CPU.
let kernel: [SwiftSetting] = room + [.unsafeFlags(["-O", "-Xcc", "-fno-math-errno"])]
#if arch(x86_64)
    let avx2: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-march=x86-64-v3"])]
    let avx512: [SwiftSetting] = [
        .unsafeFlags(["-Xcc", "-march=x86-64-v4", "-Xcc", "-mprefer-vector-width=512"])
    ]
    let bfloat16: [Target] = [
        .systemLibrary(name: "CBFloat16"),
        target(
            "KernelsBFloat16", ["CBFloat16", "CPlatform"],
            kernel + avx512 + [.unsafeFlags(["-Xcc", "-mavx512bf16"])]),
    ]
#else
    let avx2: [SwiftSetting] = []
    let avx512: [SwiftSetting] = []
    let bfloat16: [Target] = []
#endif

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

func target(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = room) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.init(stringLiteral: name), "TestSupport"] + dependencies,
        swiftSettings: [.treatAllWarnings(as: .error)])
}

// Attacks on the readers of outside bytes, for `make fuzz` alone: PINSAGE_FUZZ=1.
let fuzzers: [Target] =
    Context.environment["PINSAGE_FUZZ"] == nil
    ? []
    : [
        .executableTarget(name: "pinsage-fuzz", dependencies: ["FuzzReaders", "TestSupport"], path: "Tests/Fuzz"),
        .executableTarget(
            name: "pinsage-libfuzzer", dependencies: ["FuzzReaders", "TestSupport"], path: "Tests/LibFuzzer",
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]),
    ]

let package = Package(
    name: "pinsage",
    products: [
        .executable(name: "pinsage", targets: ["pinsage"]),
        .executable(name: "pinsage-trainer", targets: ["pinsage-trainer"]),
        .executable(name: "pinsage-sampler", targets: ["pinsage-sampler"]),
        .executable(name: "pinsage-bench", targets: ["pinsage-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Ground: system libraries and C shims.
        .systemLibrary(name: "CPlatform"),
        .systemLibrary(name: "CZeroMQ"),
        .systemLibrary(name: "CCompression"),

        // Floor 0.
        target("Basics", ["CPlatform", logging, yams]),
        target("Artifacts", ["CPlatform", "CCompression"]),
        target("KernelsBaseline", ["CPlatform"], kernel),
        target("KernelsAVX2", ["CPlatform"], kernel + avx2),
        target("KernelsAVX512", ["CPlatform"], kernel + avx512),
        target(
            "Kernels",
            ["CPlatform", "KernelsBaseline", "KernelsAVX2", "KernelsAVX512"]
                + bfloat16.suffix(1).map { .init(stringLiteral: $0.name) },
            kernel),

        // Floor 1.
        target("Configuration", ["Basics"]),
        target("GraphStore", ["Basics", "Artifacts", "Kernels", "CPlatform"]),
        target("Minibatches", ["Basics", "Artifacts"]),
        target("Transport", ["Basics", "CZeroMQ", "CPlatform"]),

        // Floor 2.
        target("PinSageModel", ["Basics", "Configuration", "Minibatches", "Kernels", "Artifacts"]),
        target(
            "Sampling", ["Basics", "Configuration", "GraphStore", "Minibatches", "Artifacts", "Kernels", "CPlatform"]),
        target("Search", ["Basics", "Artifacts", "Kernels"]),

        // Floor 3.
        target(
            "Training",
            [
                "Basics", "Artifacts", "Configuration", "Kernels", "PinSageModel", "Minibatches", "Transport",
                "CPlatform",
            ]),
        target(
            "Inference",
            [
                "Basics", "Artifacts", "Configuration", "Kernels", "PinSageModel", "Sampling", "GraphStore",
            ]),
        target(
            "Evaluation",
            ["Basics", "Artifacts", "Configuration", "Kernels", "Sampling", "Search", "GraphStore"]),
        target(
            "Mining",
            [
                "Basics", "Artifacts", "Configuration", "Kernels", "GraphStore", "Minibatches", "Sampling", "Search",
            ]),
        target("FrontDoor", ["Basics", "Configuration", "CPlatform", argumentParser]),

        // Roof.
        .executableTarget(
            name: "pinsage",
            dependencies: [
                "Basics", "Artifacts", "Configuration", "Kernels", "GraphStore", "PinSageModel", "Sampling", "Search",
                "Inference", "Evaluation", "Mining", "Training", "Minibatches", "Transport", "CPlatform", "FrontDoor",
                argumentParser, logging,
            ], swiftSettings: room),
        .executableTarget(
            name: "pinsage-trainer",
            dependencies: ["Basics", "Configuration", "Training", "FrontDoor", argumentParser, logging],
            swiftSettings: room),
        .executableTarget(
            name: "pinsage-sampler",
            dependencies: [
                "Basics", "Configuration", "Artifacts", "GraphStore", "Sampling", "Minibatches", "Transport",
                "FrontDoor", argumentParser, logging,
            ], swiftSettings: room),

        .executableTarget(
            name: "pinsage-bench",
            dependencies: [
                "Basics", "Artifacts", "Configuration", "Kernels", "GraphStore", "Minibatches", "PinSageModel",
                "Sampling", "Inference", "Transport", "FrontDoor", "CPlatform", argumentParser,
            ], swiftSettings: room),

        // Tests mirror the sources.
        .target(name: "TestSupport", dependencies: ["Basics", "Artifacts"], path: "Tests/TestSupport"),
        .target(
            name: "FuzzReaders",
            dependencies: [
                "TestSupport", "Basics", "Artifacts", "CCompression", "Configuration", "GraphStore", "Minibatches",
                "Kernels", "PinSageModel", "Sampling", "Search", "Evaluation",
            ], path: "Tests/FuzzReaders", swiftSettings: [.treatAllWarnings(as: .error)]),
        .testTarget(
            name: "FuzzTests", dependencies: ["FuzzReaders", "TestSupport", "Basics"],
            swiftSettings: [.treatAllWarnings(as: .error)]),
        tests("Basics", []),
        tests("Artifacts", []),
        tests("Kernels", ["KernelsBaseline", "KernelsAVX2", "KernelsAVX512"]),
        tests("Configuration", ["Basics"]),
        tests("FrontDoor", ["Basics", argumentParser]),
        tests("GraphStore", ["Basics", "Artifacts", "Kernels"]),
        tests("Minibatches", ["Basics", "Artifacts"]),
        tests("Transport", ["Basics"]),
        .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
        tests("PinSageModel", [
            "CAllocationCount", "Basics", "Configuration", "Minibatches", "Kernels", "Artifacts",
        ]),
        tests("Sampling", ["CAllocationCount", "Basics", "Configuration", "GraphStore", "Minibatches", "Artifacts"]),
        tests("Search", ["Basics", "Artifacts", "Kernels"]),
        tests(
            "Training",
            [
                "Basics", "Artifacts", "Configuration", "Kernels", "PinSageModel", "Minibatches", "Transport",
            ]),
        tests(
            "Inference",
            [
                "Basics", "Artifacts", "Configuration", "Kernels", "PinSageModel", "Sampling", "GraphStore", "Search",
                "Evaluation",
            ]),
        tests(
            "Evaluation", ["Basics", "Artifacts", "Configuration", "Kernels", "Sampling", "Search", "GraphStore"]),
        tests(
            "Mining",
            [
                "Basics", "Artifacts", "Configuration", "Kernels", "GraphStore", "Minibatches", "Sampling", "Search",
            ]),
        // Real processes, end to end: the executables are dependencies, so that they are built first.
        .testTarget(
            name: "PipelineTests",
            dependencies: [
                "pinsage", "pinsage-trainer", "pinsage-sampler", "TestSupport", "Basics", "Artifacts", "GraphStore",
                "Minibatches", "Transport",
            ], swiftSettings: [.treatAllWarnings(as: .error)]),
    ] + bfloat16 + fuzzers
)
