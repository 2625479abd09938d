/// Why a graph cannot be sampled with these settings.
public enum SamplingError: Error, Equatable {
    /// No board holds two pins, so there is no positive pair.
    case noPairs(graph: String, boardCount: Int)
    /// Feature rows shall travel in the batch, and the graph has none.
    case noFeatures(graph: String)
    /// A batch could have more neighbour entries than 32-bit offsets can count.
    case batchTooLarge(entriesMax: Int)
    case unknownPin(id: String, graph: String)
    /// Neighbourhood files hold pins as int32.
    case tooManyPins(pinCount: Int)
    /// A folder that would be replaced holds something else.
    case occupied(path: String, file: String)
}

extension SamplingError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self {
        case .noPairs(let graph, let boardCount):
            "sampling: \(graph): no positive pairs: expected a board with two pins or more, found none among "
                + "\(boardCount) boards. Import a graph whose boards hold several pins."
        case .noFeatures(let graph):
            "sampling: \(graph): no features: expected features.npy, found none. "
                + "Import the graph with --features, or set trainer.features to mapped."
        case .batchTooLarge(let entriesMax):
            "sampling: batch: too large: expected at most \(Int32.max) neighbours, found up to \(entriesMax). "
                + "Lower batch.pairs, batch.shared_negatives or walks.top."
        case .unknownPin(let id, let graph):
            "sampling: \(graph): unknown pin: expected an id of pins.txt, found '\(id)'. Name another pin."
        case .tooManyPins(let pinCount):
            "sampling: neighborhood files: too many pins: expected at most \(Int32.max), found \(pinCount). Take a smaller graph."
        case .occupied(let path, let file):
            "sampling: \(path): output folder in use: expected no folder, an empty one or neighborhood files, "
                + "found '\(file)'. Name another folder."
        }
    }
}
