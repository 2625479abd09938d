import CPlatform

/// Lanes from any address.
@_transparent
func load(_ p: UnsafePointer<Float>) -> Lanes {
    unsafe UnsafeRawPointer(p).loadUnaligned(as: Lanes.self)
}

@_transparent
func load(_ p: UnsafePointer<Int32>) -> IntLanes {
    unsafe UnsafeRawPointer(p).loadUnaligned(as: IntLanes.self)
}

/// Lanes to any address.
@_transparent
func store(_ v: Lanes, _ p: UnsafeMutablePointer<Float>) {
    unsafe UnsafeMutableRawPointer(p).storeBytes(of: v, as: Lanes.self)
}

@_transparent
func store(_ v: IntLanes, _ p: UnsafeMutablePointer<Int32>) {
    unsafe UnsafeMutableRawPointer(p).storeBytes(of: v, as: IntLanes.self)
}

/// `value` in all lanes.
@_transparent
func broadcast(_ value: Float) -> Lanes {
    Lanes(repeating: value)
}

/// Lanes whose mask is above 0 keep their value, the others become 0.
@_transparent
func keep(_ v: Lanes, where mask: Lanes) -> Lanes {
    Lanes().replacing(with: v, where: mask .> Lanes())
}

/// Lanes below 0 become 0; a NaN stays.
@_transparent
func clampedBelowZero(_ v: Lanes) -> Lanes {
    v.replacing(with: Lanes(), where: v .< Lanes())
}

/// Asks for a row's cache lines.
@_transparent func prefetchRow(_ row: UnsafePointer<Float>, _ width: Int) {
    var element = 0
    while element < width {
        unsafe platform_prefetch(row + element)
        element &+= 16
    }
}

/// Two vectors of a row side by side: a tile row where registers are few.
struct TwoVectors {
    var v0 = Lanes()
    var v1 = Lanes()

    @_transparent
    static var width: Int { 2 * Lanes.scalarCount }

    @_transparent
    init() {}

    @_transparent
    init(_ p: UnsafePointer<Float>) {
        unsafe v0 = load(p)
        unsafe v1 = load(p + Lanes.scalarCount)
    }

    @_transparent
    mutating func add(_ scalar: Float, times row: TwoVectors) {
        let factor = broadcast(scalar)
        v0 = multiplyAdd(factor, row.v0, v0)
        v1 = multiplyAdd(factor, row.v1, v1)
    }

    @_transparent
    mutating func add(_ row: TwoVectors) {
        v0 += row.v0
        v1 += row.v1
    }

    @_transparent
    mutating func clampBelowZero() {
        v0 = clampedBelowZero(v0)
        v1 = clampedBelowZero(v1)
    }

    @_transparent
    mutating func keepWhere(_ mask: TwoVectors) {
        v0 = keep(v0, where: mask.v0)
        v1 = keep(v1, where: mask.v1)
    }

    @_transparent
    func write(_ p: UnsafeMutablePointer<Float>) {
        unsafe store(v0, p)
        unsafe store(v1, p + Lanes.scalarCount)
    }
}

/// What a row's sums are kept in, register by register.
protocol RowVectors {
    /// Elements.
    static var width: Int { get }
    init()
    init(_ p: UnsafePointer<Float>)
    mutating func add(_ scalar: Float, times row: Self)
    mutating func add(_ row: Self)
    mutating func keepWhere(_ mask: Self)
    func write(_ p: UnsafeMutablePointer<Float>)
}

/// Four vectors of a row side by side: a tile row where registers are many.
struct FourVectors: RowVectors {
    var low = TwoVectors()
    var high = TwoVectors()

    @_transparent
    static var width: Int { 4 * Lanes.scalarCount }

    @_transparent
    init() {}

    @_transparent
    init(_ p: UnsafePointer<Float>) {
        unsafe low = TwoVectors(p)
        unsafe high = TwoVectors(p + TwoVectors.width)
    }

    @_transparent
    mutating func add(_ scalar: Float, times row: FourVectors) {
        low.add(scalar, times: row.low)
        high.add(scalar, times: row.high)
    }

    @_transparent
    mutating func add(_ row: FourVectors) {
        low.add(row.low)
        high.add(row.high)
    }

    @_transparent
    mutating func clampBelowZero() {
        low.clampBelowZero()
        high.clampBelowZero()
    }

    @_transparent
    mutating func keepWhere(_ mask: FourVectors) {
        low.keepWhere(mask.low)
        high.keepWhere(mask.high)
    }

    @_transparent
    func write(_ p: UnsafeMutablePointer<Float>) {
        unsafe low.write(p)
        unsafe high.write(p + TwoVectors.width)
    }
}

/// Twice as many vectors of a row side by side.
struct Doubled<Half: RowVectors>: RowVectors {
    var low = Half()
    var high = Half()

    @_transparent
    static var width: Int { 2 * Half.width }

    @_transparent
    init() {}

    @_transparent
    init(_ p: UnsafePointer<Float>) {
        unsafe low = Half(p)
        unsafe high = Half(p + Half.width)
    }

    @_transparent
    mutating func add(_ scalar: Float, times row: Self) {
        low.add(scalar, times: row.low)
        high.add(scalar, times: row.high)
    }

    @_transparent
    mutating func add(_ row: Self) {
        low.add(row.low)
        high.add(row.high)
    }

    @_transparent
    mutating func keepWhere(_ mask: Self) {
        low.keepWhere(mask.low)
        high.keepWhere(mask.high)
    }

    @_transparent
    func write(_ p: UnsafeMutablePointer<Float>) {
        unsafe low.write(p)
        unsafe high.write(p + Half.width)
    }
}

typealias EightVectors = Doubled<FourVectors>
/// For 32 registers.
typealias SixteenVectors = Doubled<EightVectors>
