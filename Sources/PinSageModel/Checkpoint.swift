import Artifacts

/// A model and its optimiser at rest: all that training goes on from, and inference reads.
///
/// One safetensors file. Tensors, float32: those of `ModelShape`, then `adam.first.NAME` and `adam.second.NAME`; and
/// where the model has learned vectors, the table of all pins, its two means and its step counts.
/// Metadata strings: those of `CheckpointMetadata`, `format_version`, and `model`, the shape as JSON. Same content,
/// same bytes.
public struct Checkpoint {
    /// Changes when a reader of the older form could misread the newer.
    public static let formatVersion = "1"

    public let path: String
    public let metadata: CheckpointMetadata
    public let parameters: Parameters
    public let adam: Adam
    /// The pins' own vectors, where the model has them.
    public let learned: LearnedVectors?

    /// Writes a checkpoint, whole or not at all.
    ///
    /// - Precondition: `metadata.step` is the number of Adam's steps.
    public static func write(
        path: String, parameters: Parameters, adam: Adam, learned: LearnedVectors? = nil, metadata: CheckpointMetadata
    ) throws(CheckpointError) {
        precondition(
            metadata.step == adam.stepCount, "Checkpoint: step \(metadata.step), Adam has taken \(adam.stepCount)")
        precondition(
            adam.first.shape == parameters.shape,
            "Checkpoint: Adam's memory is of \(adam.first.shape), the parameters of \(parameters.shape)")
        precondition(
            (learned?.width ?? 0) == parameters.shape.learnedWidth,
            "Checkpoint: learned vectors of width \(learned?.width ?? 0) for \(parameters.shape)")
        var tensors: [(name: String, shape: [Int], elements: UnsafeBufferPointer<Float>)] = unsafe []
        for (prefix, values) in zip(prefixes, [parameters, adam.first, adam.second]) {
            for spec in values.tensors {
                let elements = unsafe UnsafeBufferPointer(start: values.values.base + spec.offset, count: spec.count)
                unsafe tensors.append((prefix + spec.name, spec.shape, elements))
            }
        }
        for (name, shape, values) in learned?.tensors ?? [] {
            unsafe tensors.append((name, shape, UnsafeBufferPointer(start: values.base, count: values.count)))
        }
        do {
            try unsafe SafetensorsFile.write(
                path: path, tensors: tensors, metadata: metadata.strings(shape: parameters.shape))
        } catch {
            throw .file(error)
        }
    }

    /// Reads a checkpoint and checks its version, metadata, and every tensor's presence, shape and values.
    ///
    /// - Throws: `CheckpointError` naming the path, what differs, and what was expected and found.
    public static func read(path: String) throws(CheckpointError) -> Checkpoint {
        let file: SafetensorsFile
        do {
            file = try SafetensorsFile(path: path)
        } catch {
            throw .file(error)
        }
        let reader = MetadataReader(path: path, strings: file.metadata)
        let version = try reader.string("format_version")
        guard version == formatVersion else {
            throw reader.mismatch("format_version", expected: formatVersion, found: version)
        }
        let metadata = try CheckpointMetadata(reader)
        let shape = try reader.shape()
        // Shapes first: a damaged one must not decide how much memory is taken.
        let pinCount = try requireTensors(of: shape, in: file)
        let sections = [Parameters(shape: shape), Parameters(shape: shape), Parameters(shape: shape)]
        for (prefix, values) in zip(prefixes, sections) {
            try fill(values, from: file, prefix: prefix)
        }
        let adam = Adam(first: sections[1], second: sections[2], stepCount: metadata.step)
        return Checkpoint(
            path: path, metadata: metadata, parameters: sections[0], adam: adam,
            learned: try learnedVectors(pinCount: pinCount, width: shape.learnedWidth, from: file))
    }

    /// Checks that this is a model of the wanted shape, trained on the wanted graph.
    ///
    /// - Parameter pinCount: pins of that graph.
    /// - Throws: `CheckpointError.mismatch` naming what differs.
    public func require(shape: ModelShape, graphFingerprint: String, pinCount: Int) throws(CheckpointError) {
        guard metadata.graphFingerprint == graphFingerprint else {
            throw .mismatch(
                path: path, subject: "graph_fingerprint", expected: graphFingerprint, found: metadata.graphFingerprint,
                action: "Use a checkpoint trained on this graph")
        }
        guard parameters.shape == shape else {
            throw .mismatch(
                path: path, subject: "model", expected: "\(shape)", found: "\(parameters.shape)",
                action: "Use the model settings it was trained with")
        }
        if let learned, learned.pinCount != pinCount {
            throw .mismatch(
                path: path, subject: "tensor \(LearnedVectors.tensorNames[0])", expected: "\(pinCount) rows",
                found: "\(learned.pinCount)", action: CheckpointError.useAnother)
        }
    }

    /// Of the tensors' names: parameters, Adam's first and second moments.
    private static let prefixes = ["", "adam.first.", "adam.second."]

    /// Checks that the file holds every tensor of the model, in its shape, and no other.
    ///
    /// - Returns: pins that have learned vectors; 0 where the model has none.
    private static func requireTensors(
        of shape: ModelShape, in file: SafetensorsFile
    ) throws(CheckpointError) -> Int {
        let (pinCount, learned) = try requireLearned(width: shape.learnedWidth, in: file)
        var names = learned
        for prefix in prefixes {
            for spec in shape.tensors {
                let name = prefix + spec.name
                names.insert(name)
                let found = file.tensor(name)?.shape
                guard found == spec.shape else {
                    throw mismatch(
                        file, "tensor \(name)", "shape \(spec.shape)", found.map { "shape \($0)" } ?? "no such tensor")
                }
            }
        }
        if let other = file.tensors.first(where: { !names.contains($0.name) }) {
            throw mismatch(file, "tensors", "only those of a model with \(shape)", "'\(other.name)'")
        }
        return pinCount
    }

    /// Checks the tensors of learned vectors, of as many pins as the first of them has rows.
    private static func requireLearned(
        width: Int, in file: SafetensorsFile
    ) throws(CheckpointError) -> (pinCount: Int, names: Set<String>) {
        guard width > 0 else { return (0, []) }
        let pinCount = file.tensor(LearnedVectors.tensorNames[0])?.shape.first ?? 0
        for (index, name) in LearnedVectors.tensorNames.enumerated() {
            let shape = index == 3 ? [pinCount] : [pinCount, width]
            guard let found = file.tensor(name)?.shape, found == shape, pinCount > 0 else {
                throw mismatch(
                    file, "tensor \(name)", pinCount > 0 ? "shape \(shape)" : "shape [pins, \(width)]",
                    file.tensor(name).map { "shape \($0.shape)" } ?? "no such tensor")
            }
        }
        return (pinCount, Set(LearnedVectors.tensorNames))
    }

    private static func learnedVectors(
        pinCount: Int, width: Int, from file: SafetensorsFile
    ) throws(CheckpointError) -> LearnedVectors? {
        guard width > 0 else { return nil }
        let learned = LearnedVectors(pinCount: pinCount, width: width)
        for (name, _, values) in learned.tensors {
            try unsafe fill(UnsafeMutableBufferPointer(start: values.base, count: values.count), from: file, name)
        }
        let counts = 0...Float(1 << 24)
        guard (0..<pinCount).allSatisfy({ unsafe counts.contains(learned.stepCounts.base[$0]) }) else {
            throw mismatch(
                file, "tensor \(LearnedVectors.tensorNames[3])", "counts from 0 to 16777216", "one outside")
        }
        return learned
    }

    /// Copies one set of tensors out of the file.
    private static func fill(
        _ values: Parameters, from file: SafetensorsFile, prefix: String
    ) throws(CheckpointError) {
        for spec in values.tensors {
            let name = prefix + spec.name
            let target = unsafe UnsafeMutableBufferPointer(start: values.values.base + spec.offset, count: spec.count)
            try unsafe fill(target, from: file, name)
        }
    }

    private static func fill(
        _ target: UnsafeMutableBufferPointer<Float>, from file: SafetensorsFile, _ name: String
    ) throws(CheckpointError) {
        guard let tensor = file.tensor(name) else { preconditionFailure("Checkpoint: tensor \(name) is gone") }
        _ = unsafe target.update(from: file.elements(of: tensor))
        guard unsafe target.allSatisfy(\.isFinite) else {
            throw mismatch(file, "tensor \(name)", "finite numbers", "nan or inf")
        }
    }

    private static func mismatch(
        _ file: SafetensorsFile, _ subject: String, _ expected: String, _ found: String
    ) -> CheckpointError {
        .mismatch(
            path: file.path, subject: subject, expected: expected, found: found, action: CheckpointError.useAnother)
    }
}

/// Why a checkpoint could not be written, read or used.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
    /// The file itself: missing, damaged, no room.
    case file(ArtifactError)
    /// A sound file that does not say what it must.
    case mismatch(path: String, subject: String, expected: String, found: String, action: String)

    static let useAnother = "Use another checkpoint, or train again"

    public var description: String {
        switch self {
        case .file(let error): error.description
        case .mismatch(let path, let subject, let expected, let found, let action):
            "model: \(path): \(subject): expected \(expected), found \(found). \(action)."
        }
    }
}
