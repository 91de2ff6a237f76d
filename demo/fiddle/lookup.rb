# SPDX-License-Identifier: BSD-2-Clause
# Looks names up in libm again and again, as code does that does not keep a Fiddle::Function.
require 'fiddle'

NAMES = %w[sin cos tan exp log pow sqrt floor].freeze
ABSENT = %w[no_such_function cosinus].freeze

rounds = Integer(ARGV[0]) / NAMES.size
libm = Fiddle::Handle.new('libm.so.6')
first = NAMES.map { |name| libm[name] }

start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
moved = 0
rounds.times do
  NAMES.each_with_index { |name, i| moved += 1 if libm[name] != first[i] }
end
spent = Process.clock_gettime(Process::CLOCK_MONOTONIC) - start

cos = Fiddle::Function.new(libm['cos'], [Fiddle::TYPE_DOUBLE], Fiddle::TYPE_DOUBLE)
puts "#{rounds * NAMES.size} look-ups, #{moved} with another answer, cos(1) = #{cos.call(1.0)}"
ABSENT.each do |name|
  libm[name]
rescue Fiddle::DLError => e
  puts e.message
end

IO.open(3, 'w') do |metrics|
  metrics.puts "metric #{spent * 1e9 / (rounds * NAMES.size)} ns Fiddle handle['cos']"
end
