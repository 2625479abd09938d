/// The arrays of a minibatch in the order of their frames. Every element is four bytes, little-endian; a feature may be
/// two.
package enum MinibatchArray: Int, CaseIterable, Sendable {
    case pins, boardCounts
    case offsets1, neighbors1, weights1
    case offsets2, neighbors2, weights2
    case queries, positives, sharedNegatives, hardNegatives
    case features

    package static let elementBytes = 4

    /// As it reads in an error.
    package var name: String {
        switch self {
        case .pins: "pins"
        case .boardCounts: "board counts"
        case .offsets1: "layer 1 offsets"
        case .neighbors1: "layer 1 neighbors"
        case .weights1: "layer 1 weights"
        case .offsets2: "layer 2 offsets"
        case .neighbors2: "layer 2 neighbors"
        case .weights2: "layer 2 weights"
        case .queries: "queries"
        case .positives: "positives"
        case .sharedNegatives: "shared negatives"
        case .hardNegatives: "hard negatives"
        case .features: "features"
        }
    }

    /// How many a batch has: the first ones, features last.
    package static func count(withFeatures: Bool) -> Int { withFeatures ? features.rawValue + 1 : features.rawValue }

    static func offsets(ofLayer layer: Int) -> MinibatchArray { layer == 0 ? .offsets1 : .offsets2 }
    static func neighbors(ofLayer layer: Int) -> MinibatchArray { layer == 0 ? .neighbors1 : .neighbors2 }
    static func weights(ofLayer layer: Int) -> MinibatchArray { layer == 0 ? .weights1 : .weights2 }
}
