/// Addresses of the trainer's two sockets: minibatches come in at one, tickets and heartbeats go over the other.
public struct Endpoints: Equatable, Sendable {
    public var batches: String
    public var control: String

    /// - Parameter endpoint: without fault. The control socket of `ipc://PATH` is `ipc://PATH.control`, that of
    ///   `tcp://HOST:PORT` is the next port.
    init(besides endpoint: String) {
        batches = endpoint
        if endpoint.hasPrefix("tcp://"), let colon = endpoint.lastIndex(of: ":"),
            let port = Int(endpoint[endpoint.index(after: colon)...])
        {
            control = "\(endpoint[...colon])\(port + 1)"
        } else {
            control = endpoint + ".control"
        }
    }

    /// The addresses as a worker dials them: where the trainer listens on every interface, its own host is meant.
    public var toConnect: Endpoints {
        var endpoints = self
        for any in ["tcp://*:", "tcp://0.0.0.0:"] {
            endpoints.batches.replace(any, with: "tcp://127.0.0.1:", maxReplacements: 1)
            endpoints.control.replace(any, with: "tcp://127.0.0.1:", maxReplacements: 1)
        }
        return endpoints
    }

    /// Whether others than this host's processes can reach the sockets.
    public var isBeyondThisHost: Bool {
        guard batches.hasPrefix("tcp://") else { return false }
        let host = batches.dropFirst("tcp://".count)
        return !["127.", "localhost:", "[::1]:"].contains { host.hasPrefix($0) }
    }

    /// What `endpoint` should have been, or nil if it can be used. Empty is the default and fine.
    static func fault(in endpoint: String) -> String? {
        let expected = "ipc://PATH or tcp://HOST:PORT"
        if endpoint.isEmpty { return nil }
        if endpoint.hasPrefix("ipc://") {
            return endpoint.count > 6 ? nil : expected
        }
        let parts = endpoint.dropFirst(6).split(separator: ":", omittingEmptySubsequences: false)
        guard endpoint.hasPrefix("tcp://"), parts.count >= 2, let port = parts.last,
            parts.dropLast().allSatisfy({ !$0.contains("/") && !$0.contains(" ") }),
            parts.count > 2 ? endpoint.contains("]:") : !parts[0].isEmpty
        else { return expected }
        guard port.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(port), (1...65_534).contains(number)
        else { return "\(expected) with a port from 1 to 65534 (the next one is used too)" }
        return nil
    }
}

extension PipelineSettings {
    /// What to say where the sockets are open to a network and to anyone on it; nil where they are not.
    public var openNetworkWarning: String? {
        guard security.mechanism == .none, endpoints.isBeyondThisHost else { return nil }
        return "security: \(endpoints.batches): NOT PROTECTED: anyone who reaches this address can read and send "
            + "batches. Set security.mechanism: curve, with keys from `pinsage keys`."
    }

    /// Where the trainer listens.
    public var endpoints: Endpoints {
        Endpoints(besides: samplers.endpoint.isEmpty ? "ipc://\(run)/batches.ipc" : samplers.endpoint)
    }
}
